// The evidence of a run: filters, list and detail kept in step with the address of the page.
import { one, visible, clipped, number } from "./text.js";
import { loadIndex } from "./data.js";
import { prepare, filtered, OUTCOMES, FLIPS } from "./filter.js";
import { List } from "./list.js";
import { detail } from "./detail.js";
import { search } from "./search.js";

const FIELDS = ["suite", "slice", "flip", "of", "outcome", "criterion", "reason", "q"];
const LEAST = 3; // characters from which answers are searched too
const MANY = 200; // reasons that are offered
const form = one("#filters"), count = one("#count"), pane = one("#detail"), help = one("#help");
let data, list, holds = null, asked = 0, opened = 0;

const key = (row) => `${data.suites[data.suite[row]].id}:${data.case[row]}`;

function wanted() {
  const at = (list, value) => (value === "" ? -1 : list.indexOf(value));
  return {
    suite: at(data.suites.map((s) => s.id), form.suite.value),
    slice: at(data.tags, form.slice.value),
    of: at(data.arms, form.of.value),
    outcome: at(OUTCOMES, form.outcome.value),
    criterion: at(data.criteria, form.criterion.value),
    reason: at(data.reasons, form.reason.value),
    flip: form.flip.value,
    words: form.q.value.toLowerCase(),
  };
}

function options(name, all, choices) {
  const select = form[name], value = select.value;
  const made = choices.map(([text, many]) => {
    const label = clipped(visible(text).textContent, 60);
    return new Option(many === undefined ? label : `${label} (${number(many)})`, text);
  });
  select.replaceChildren(new Option(all, ""), ...made);
  select.value = value;
  if (select.value !== value && value !== "") { // a choice that nothing fits any more stays chosen
    select.append(new Option(`${clipped(visible(value).textContent, 60)} (0)`, value));
    select.value = value;
  }
}

function offer(counts) {
  const every = (of, names) => names.map((name, n) => [name, counts[of].many[n]]);
  const named = (of, names) => every(of, names).filter(([, many]) => many);
  const most = (of, names) => named(of, names).toSorted((a, b) => b[1] - a[1]).slice(0, MANY);
  options("suite", "all", every("suite", data.suites.map((s) => s.id)));
  options("slice", "all", most("slice", data.tags));
  options("flip", "all", every("flip", FLIPS));
  options("outcome", "any", named("outcome", OUTCOMES));
  options("criterion", "any", most("criterion", data.criteria));
  options("reason", "any", most("reason", data.reasons));
}

function filter(keep = false) {
  const found = filtered(data, wanted(), holds);
  list.show(found.rows, keep);
  offer(found.counts);
  const shown = `${number(found.rows.length)} of ${number(data.rows)} shown`;
  count.textContent = `${shown} · ${number(found.lost)} lost · ${number(found.gained)} gained`;
}

function ask() {
  const mine = ++asked, words = form.q.value.toLowerCase();
  holds = null;
  filter();
  if (words.length < LEAST) return;
  search(data, words, () => mine === asked, (held, share) => {
    holds = held;
    filter(true);
    if (share < 1) count.textContent += ` · ${Math.round(100 * share)} % of the answers searched`;
    else count.dataset.searched = words;
  });
}

async function choose(at, note = true) {
  if (at < 0 || at >= list.rows.length) return;
  list.choose(at);
  const mine = ++opened, row = list.rows[at], made = await detail(data, row, copy);
  if (mine !== opened) return;
  pane.replaceChildren(made);
  pane.scrollTop = 0;
  pane.dataset.shown = key(row);
  pane.dataset.at = at;
  if (note) remember(row);
}

async function copy(text, from) {
  try {
    await navigator.clipboard.writeText(text);
    from.dataset.copied = "copied";
  } catch {
    getSelection().selectAllChildren(from); // no clipboard here: to be copied by hand
  }
}

function remember(row) {
  const told = new URLSearchParams();
  for (const name of FIELDS) if (form[name].value) told.set(name, form[name].value);
  if (row !== undefined) told.set("receipt", key(row));
  history.replaceState(null, "", `#${told}`);
}

function recall() {
  const hash = location.hash.slice(1), told = new URLSearchParams(hash), asks = hash.includes("=");
  if (!asks && list.rows.length) return; // a link to a section
  for (const name of FIELDS) {
    const value = asks ? (told.get(name) ?? "") : "";
    if (form[name].tagName === "SELECT" && value) form[name].append(new Option(value, value));
    form[name].value = value;
  }
  ask();
  if (!asks) return;
  const link = told.get("receipt"), at = list.rows.findIndex((row) => key(row) === link);
  if (at >= 0) choose(at, false);
  one("#evidence").scrollIntoView();
}

const KEYS = {
  j: () => choose(list.chosen + 1),
  k: () => choose(Math.max(0, list.chosen - 1)),
  n: () => choose(list.rows.findIndex((row, at) => at > list.chosen && data.flip[row] !== 0)),
  "/": () => form.q.focus(),
  "?": () => help.showModal(),
};

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, select")) {
    if (event.key === "Escape") list.box.focus();
    return;
  }
  const arrow = event.target === list.box && { ArrowDown: "j", ArrowUp: "k" }[event.key];
  const act = KEYS[arrow || event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

async function start() {
  data = prepare(await loadIndex());
  list = new List(one("#list"), one("#sheet"), data, choose);
  form.slice.closest("label").hidden = !data.tags.length;
  options("of", "what is judged", data.arms.map((arm) => [arm]));
  form.addEventListener("input", (event) => {
    if (event.target === form.q) ask();
    else filter();
    remember();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", recall);
  addEventListener("keydown", pressed);
  addEventListener("beforeprint", () => {
    for (const each of document.querySelectorAll("main details")) each.open = true;
  });
  one("#keys").addEventListener("click", () => help.showModal());
  recall();
  document.documentElement.dataset.ready = performance.now();
}

start();
