// One case: its prompt, the answers of every arm, and what each criterion made of them.
import { el, visible, clipped, paint, said } from "./text.js";
import { receipt } from "./data.js";
import { wordDiff } from "./diff.js";
import { linesOf, OUTCOMES } from "./filter.js";
import { flipped, known } from "./list.js";

const SIGNS = { pass: "✓", fail: "✕", unverified: "?" };
const SHORT = 3; // characters of evidence that are too few to be looked for in an answer
const QUOTED = /['"`]([^'"`\n]{3,200})['"`]/g;
const ASTRAL = /[\u{10000}-\u{10ffff}]/u; // one character of a receipt, two of a browser
const DRAWS = "Each arm drew its answers by itself: the numbers of two draws are no pair.";

export async function detail(data, row, copy) {
  const suite = data.suites[data.suite[row]], lines = [...linesOf(data, row)];
  const read = await Promise.all(lines.map((line) => receipt(data.starts, line)));
  const placed = (found, n) => ({ line: lines[n] + 1, is: data.arm[lines[n]], ...found });
  const answers = read.map(placed);
  const pair = [suite.second, suite.first];
  const rank = (arm) => (pair.includes(arm) ? pair.indexOf(arm) : 2 + arm);
  const arms = [...new Set(answers.map((a) => a.is))].toSorted((a, b) => rank(a) - rank(b));
  const of = (arm) => answers.filter((a) => a.is === arm).toSorted((a, b) => a.sample - b.sample);
  const diff = data.published ? null : compared(...pair.map(of));
  const made = el("div", {}, heading(data, row, suite));
  if (of(suite.first).length > 1) made.append(said("p", "soft", DRAWS));
  made.append(prompt(answers[0].prompt));
  if (diff) made.append(legend(...pair.map((arm) => data.arms[arm])));
  const columns = el("div", { className: arms.length > 1 ? "answers two" : "answers" });
  for (const arm of arms) {
    const marks = diff?.[pair.indexOf(arm)] ?? [];
    const show = (found) => answer(data, row, suite, found, marks, copy);
    columns.append(column(data.arms[arm], of(arm), show));
  }
  made.append(columns);
  return made;
}

// Only single answers are a pair.
function compared(base, adapter) {
  if (base.length !== 1 || adapter.length !== 1 || base[0] === adapter[0]) return null;
  return wordDiff(base[0].answer, adapter[0].answer);
}

function heading(data, row, suite) {
  const head = said("h3", "", data.case[row], 200), told = [suite.id, suite.role];
  if (data.flip[row]) head.append(" ", flipped(data.flip[row]));
  if (data.left.includes(row)) told.push("left out: the training data shows it");
  return el("header", {}, head, said("p", "soft", told.filter(Boolean).join(" · ")));
}

function prompt(text) {
  const summary = said("summary", "", "Prompt");
  return el("details", { open: true, className: "prompt" }, summary, paint(text));
}

function legend(second, first) {
  const kinds = { removed: `only ${second}`, added: `only ${first}`, evidence: "evidence" };
  const shown = Object.entries(kinds).flatMap(([kind, text]) => [said("mark", kind, text), " "]);
  return el("p", { className: "soft legend" }, ...shown);
}

// The answers of one arm: the only one, or one of its draws at a time.
function column(name, answers, shown) {
  const place = el("div"), made = el("section", {}, said("h4", "", name, 60));
  const show = (n) => place.replaceChildren(...shown(answers[n]));
  if (answers.length > 1) {
    const tabs = el("div", { className: "draws", role: "group", ariaLabel: `draws of ${name}` });
    answers.forEach((each, n) => {
      const tab = said("button", each.outcome, `${n + 1} ${SIGNS[each.outcome] ?? "?"}`);
      Object.assign(tab, { type: "button", ariaPressed: n === 0 });
      tab.addEventListener("click", () => {
        for (const other of tabs.children) other.ariaPressed = other === tab;
        show(n);
      });
      tabs.append(tab);
    });
    made.append(tabs);
  }
  show(0);
  made.append(place);
  return made;
}

function answer(data, row, suite, found, marks, copy) {
  const code = OUTCOMES.indexOf(found.outcome);
  const plain = `${SIGNS[found.outcome] ?? "?"} ${OUTCOMES[code] ?? "?"}`;
  const state = said("b", OUTCOMES[code] ?? "", plain);
  const told = `${found.tokens} tokens · ${found.finish} · ${Number(found.seconds).toFixed(2)} s`;
  const facts = el("p", { className: "facts" });
  facts.append(suite.known ? known(data.known[row], code) : state, " ", said("span", "soft", told));
  const judged = el("ul", { className: "criteria" });
  if (found.sign) judged.append(said("li", "fail", `not elite: ${found.sign}`));
  for (const each of found.findings) judged.append(finding(each));
  return [facts, paint(found.answer, merged(marks, found)), judged, again(data.runs[found.is], found.line, copy)];
}

// The command that judges this answer again, to be copied.
function again(run, line, copy) {
  const command = `harness rejudge RUN '#${line}'`, typed = `harness rejudge ${run} '#${line}'`;
  const made = el("button", { type: "button", className: "command" }, said("code", "", command));
  made.title = "copy the command that judges this answer again";
  made.addEventListener("click", () => copy(typed, made));
  return made;
}

function finding(each) {
  const outcome = SIGNS[each.outcome] ? each.outcome : "unverified";
  const why = [each.reason, each.rule].filter(Boolean).join(", ");
  const told = visible(clipped(`${each.criterion}: ${each.outcome} (${why})`, 300));
  const made = el("li", {}, said("b", outcome, `${SIGNS[outcome]} `), told);
  made.title = clipped(each.verifier, 100);
  if (each.evidence) made.append(said("blockquote", "", each.evidence, 1000));
  return made;
}

// Where evidence stands in the answer it is marked, over what the diff marks: where the verifier
// says so, else where its words are.
function merged(marks, found) {
  const told = found.findings.flatMap((each) => each.spans);
  const places = told.map(([from, to]) => ({ from, to, kind: "evidence" }));
  if (ASTRAL.test(found.answer)) inUnits(found.answer, places);
  for (const each of found.findings.filter((f) => f.outcome !== "pass" && !f.spans.length)) {
    const quoted = [...each.evidence.matchAll(QUOTED)].map((match) => match[1]);
    for (const text of [each.evidence, ...quoted]) {
      const fits = text.length >= SHORT && text.length < found.answer.length;
      const at = fits ? found.answer.indexOf(text) : -1;
      if (at >= 0) places.push({ from: at, to: at + text.length, kind: "evidence" });
    }
  }
  const sorted = places.toSorted((a, b) => a.from - b.from), own = [];
  for (const each of sorted) if (each.from >= (own.at(-1)?.to ?? 0)) own.push(each);
  return own.length ? layered(own, marks) : marks;
}

// Marks of two layers as pieces apart from each other, each with the kinds of both.
function layered(own, marks) {
  const all = [...own, ...marks];
  const edges = [...new Set(all.flatMap((each) => [each.from, each.to]))].toSorted((a, b) => a - b);
  return edges.slice(1).flatMap((to, n) => {
    const over = all.filter((each) => each.from < to && each.to > edges[n]);
    const kind = over.map((each) => each.kind).join(" ");
    return kind ? [{ from: edges[n], to, kind }] : [];
  });
}

// Places that count characters, made to count those of a browser.
function inUnits(text, places) {
  const units = [];
  let at = 0;
  for (const character of text) {
    units.push(at);
    at += character.length;
  }
  units.push(at);
  for (const each of places) {
    each.from = units[each.from] ?? at;
    each.to = units[each.to] ?? at;
  }
}
