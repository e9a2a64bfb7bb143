// The rows that are shown: only those in sight are in the page.
import { el, said } from "./text.js";
import { OUTCOMES, linesOf } from "./filter.js";

const HEIGHT = 48; // pixels of a row, as the style has it

export class List {
  constructor(box, sheet, data, choose) {
    Object.assign(this, { box, sheet, data, rows: [], chosen: -1 });
    box.addEventListener("scroll", () => this.draw(), { passive: true });
    sheet.addEventListener("click", (event) => {
      const row = event.target.closest("[data-at]");
      if (row) choose(Number(row.dataset.at));
    });
    new ResizeObserver(() => this.draw()).observe(box);
  }

  show(rows, keep) {
    this.rows = rows;
    this.chosen = -1;
    this.sheet.style.height = `${rows.length * HEIGHT}px`;
    if (!keep) this.box.scrollTop = 0;
    this.draw();
  }

  choose(at) {
    this.chosen = at;
    const top = at * HEIGHT, { scrollTop, clientHeight } = this.box;
    const seen = top >= scrollTop && top + HEIGHT <= scrollTop + clientHeight;
    if (!seen) this.box.scrollTop = top - clientHeight / 2;
    this.draw();
  }

  draw() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / HEIGHT) - 6);
    const last = Math.min(this.rows.length, first + Math.ceil(this.box.clientHeight / HEIGHT) + 12);
    const drawn = [];
    for (let at = first; at < last; at++) drawn.push(this.row(at));
    this.sheet.replaceChildren(...drawn);
    const active = this.chosen >= first && this.chosen < last;
    this.box.setAttribute("aria-activedescendant", active ? `row${this.chosen}` : "");
  }

  row(at) {
    const { data } = this, row = this.rows[at], suite = data.suites[data.suite[row]];
    const made = el("div", { className: "row", id: `row${at}`, role: "option" });
    made.dataset.at = at;
    made.ariaSelected = at === this.chosen;
    made.ariaPosInSet = at + 1;
    made.ariaSetSize = this.rows.length;
    made.style.transform = `translateY(${at * HEIGHT}px)`;
    const told = suite.known ? suite.id : suite.id + why(data, row, suite.first);
    made.append(said("b", "", data.case[row], 80), mark(data, row, suite));
    made.append(said("small", "", told, 120));
    return made;
  }
}

function why(data, row, arm) {
  for (const line of linesOf(data, row)) {
    const { against } = data.signatures[data.signature[line]];
    if (data.arm[line] === arm && against.length) return ` · ${against[0].join(": ")}`;
  }
  return "";
}

export function flipped(flip) {
  return flip < 0 ? said("span", "lost", "▼ lost") : said("span", "gained", "▲ gained");
}

function mark(data, row, suite) {
  if (data.flip[row]) return flipped(data.flip[row]);
  const lines = [...linesOf(data, row)].filter((line) => data.arm[line] === suite.first);
  const got = lines.map((line) => data.signatures[data.signature[line]].outcome);
  if (!got.length) return said("span", "soft", "not asked");
  if (suite.known) return known(data.known[row], got[0]);
  const passed = got.filter((outcome) => outcome === 0).length;
  if (got.length > 1) return said("span", "", `${passed}/${got.length}`);
  return said("span", OUTCOMES[got[0]], OUTCOMES[got[0]]);
}

// A known answer that the verifier takes for what it is, is right, also where it is refused.
export function known(wanted, outcome) {
  const right = (wanted === "good") === (outcome === 0) && outcome < 2;
  const told = `${wanted}, ${["passed", "refused", "not judged"][outcome]}`;
  return said("span", right ? "pass" : "fail", `${right ? "✓" : "✕"} ${told}`);
}
