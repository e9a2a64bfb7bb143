// One case: its prompt, the answers of every arm, and what each criterion made of them.
import { el, visible, clipped, paint } from "./text.js";
import { receipt } from "./data.js";
import { wordDiff } from "./diff.js";
import { linesOf, OUTCOMES } from "./filter.js";
import { known } from "./list.js";

const SIGNS = { pass: "✓", fail: "✕", unverified: "?" };
const SHORT = 3; // characters of evidence that are too few to be looked for in an answer

export async function detail(data, row, copy) {
  const suite = data.suites[data.suite[row]], lines = [...linesOf(data, row)];
  const read = await Promise.all(lines.map((line) => receipt(data.starts, line)));
  const answers = read.map((found, n) => ({ ...found, line: lines[n], is: data.arm[lines[n]] }));
  const order = [suite.second, suite.first];
  const rank = (answer) => (order.includes(answer.is) ? order.indexOf(answer.is) : 2 + answer.is);
  const arms = [...new Set(answers.toSorted((a, b) => rank(a) - rank(b)).map((a) => a.is))];
  const of = (arm) => answers.filter((a) => a.is === arm).toSorted((a, b) => a.sample - b.sample);
  const [base, adapter] = order.map(of);
  const single = base.length === 1 && adapter.length === 1 && base !== adapter;
  const diff = single && !data.published ? wordDiff(base[0].answer, adapter[0].answer) : null;
  const made = el("div", {}, heading(data, row, suite));
  if (adapter.length > 1) made.append(el("p", { className: "soft", textContent: "Each arm drew its answers by itself: the numbers of two draws are no pair." }));
  made.append(section("Prompt", paint(answers[0].prompt)));
  const columns = el("div", { className: arms.length > 1 ? "answers two" : "answers" });
  for (const arm of arms) {
    const marks = diff?.[order.indexOf(arm)] ?? [];
    columns.append(column(data, row, suite, of(arm), marks, copy));
  }
  if (diff) made.append(el("p", { className: "soft legend" }, el("mark", { className: "removed", textContent: "only base" }), " ", el("mark", { className: "added", textContent: "only adapter" }), " ", el("mark", { className: "evidence", textContent: "evidence" })));
  made.append(columns);
  return made;
}

function heading(data, row, suite) {
  const head = el("h3", {}, visible(clipped(data.case[row], 200)));
  const flip = data.flip[row];
  if (flip) head.append(" ", el("span", { className: flip < 0 ? "lost" : "gained", textContent: flip < 0 ? "▼ lost" : "▲ gained" }));
  const told = [suite.id, suite.role];
  if (data.left.includes(row)) told.push("left out: the training data shows it");
  return el("header", {}, head, el("p", { className: "soft" }, visible(told.filter(Boolean).join(" · "))));
}

const section = (title, ...kids) => el("details", { open: true, className: "prompt" }, el("summary", { textContent: title }), ...kids);

// The answers of one arm: the only one, or one of its draws at a time.
function column(data, row, suite, answers, marks, copy) {
  const name = data.arms[answers[0].is], shown = el("div"), made = el("section", {}, el("h4", {}, visible(clipped(name, 60))));
  const show = (n) => shown.replaceChildren(...answer(data, row, suite, answers[n], marks, copy));
  if (answers.length > 1) {
    const tabs = el("div", { className: "draws", role: "group", ariaLabel: `draws of ${name}` });
    answers.forEach((each, n) => {
      const tab = el("button", { type: "button", className: each.outcome, textContent: `${n + 1} ${SIGNS[each.outcome] ?? "?"}`, ariaPressed: n === 0 });
      tab.addEventListener("click", () => {
        for (const other of tabs.children) other.ariaPressed = other === tab;
        show(n);
      });
      tabs.append(tab);
    });
    made.append(tabs);
  }
  show(0);
  made.append(shown);
  return made;
}

function answer(data, row, suite, found, marks, copy) {
  const code = OUTCOMES.indexOf(found.outcome);
  const state = suite.known ? known(data.known[row], code) : el("b", { className: OUTCOMES[code] ?? "", textContent: `${SIGNS[found.outcome] ?? "?"} ${OUTCOMES[code] ?? "?"}` });
  const told = `${found.tokens} tokens · ${found.finish} · ${Number(found.seconds).toFixed(2)} s`;
  const facts = el("p", { className: "facts" }, state, " ", el("span", { className: "soft" }, visible(clipped(told, 120))));
  const judged = el("ul", { className: "criteria" });
  if (found.sign) judged.append(el("li", { className: "fail" }, visible(clipped(`not elite: ${found.sign}`, 200))));
  for (const each of found.findings) judged.append(finding(each));
  const command = `harness rejudge RUN '#${found.line + 1}'`;
  const again = el("button", { type: "button", className: "command", title: "copy the command that judges this answer again" }, el("code", { textContent: command }));
  again.addEventListener("click", () => copy(command, again));
  return [facts, paint(found.answer, merged(marks, found)), judged, again];
}

function finding(each) {
  const outcome = SIGNS[each.outcome] ? each.outcome : "unverified";
  const head = el("b", { className: outcome, textContent: `${SIGNS[outcome]} ` });
  const why = [each.reason, each.rule].filter(Boolean).join(", ");
  const made = el("li", {}, head, visible(clipped(`${each.criterion}: ${each.outcome} (${why})`, 300)));
  made.title = clipped(each.verifier, 100);
  if (each.evidence) made.append(el("blockquote", {}, visible(clipped(each.evidence, 1000))));
  return made;
}

// Evidence that stands in the answer word for word is marked there, over what the diff marks.
function merged(marks, found) {
  const found_at = [];
  for (const each of found.findings) {
    if (each.outcome === "pass") continue;
    for (const text of [each.evidence, ...[...each.evidence.matchAll(/['"`]([^'"`\n]{3,200})['"`]/g)].map((m) => m[1])]) {
      const at = text.length >= SHORT && text.length < found.answer.length ? found.answer.indexOf(text) : -1;
      if (at >= 0) found_at.push({ from: at, to: at + text.length, kind: "evidence" });
    }
  }
  const own = found_at.toSorted((a, b) => a.from - b.from).filter((m, n, all) => n === 0 || m.from >= all[n - 1].to);
  const rest = marks.flatMap((mark) => {
    const cuts = own.filter((e) => e.from < mark.to && e.to > mark.from), parts = [];
    let at = mark.from;
    for (const cut of cuts) {
      if (cut.from > at) parts.push({ ...mark, from: at, to: cut.from });
      at = Math.max(at, cut.to);
    }
    if (at < mark.to) parts.push({ ...mark, from: at });
    return parts;
  });
  return [...own, ...rest].toSorted((a, b) => a.from - b.from);
}
