// What a model or a user wrote is text: nothing here makes markup of a string.
// Controls, formats, halves of pairs, fillers that look like nothing, and stacks of marks.
const CONTROLS = "\\p{Cc}\\p{Cf}\\p{Cs}\\p{Zl}\\p{Zp}";
const FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0";
const SELECTORS = "\\u{e0100}-\\u{e01ef}";
const HIDDEN = new RegExp(`(?:(?![\\t\\n])[${CONTROLS}${FILLERS}${SELECTORS}])+|\\p{M}{5,}`, "gu");
const MOST = 20000; // characters of one text on the page; the data holds it whole
const MOST_LINES = 2000;
const NAMED = 6; // hidden characters of a run that are named one by one

export const one = (selector) => document.querySelector(selector);

export function el(tag, properties = {}, ...kids) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...kids);
  return made;
}

const codePoint = (c) => "U+" + c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");

function chip(hidden) {
  const names = [];
  for (const c of hidden) {
    const last = names.at(-1);
    if (last?.name === codePoint(c)) last.times++;
    else names.push({ name: codePoint(c), times: 1 });
  }
  const said = names.slice(0, NAMED).map((n) => (n.times > 1 ? `${n.name} ×${n.times}` : n.name));
  if (names.length > NAMED) said.push(`and ${names.length - NAMED} more`);
  return el("span", { className: "hidden-text", textContent: said.join(" ") });
}

export function visible(text) {
  const shown = document.createDocumentFragment();
  let at = 0;
  for (const match of text.matchAll(HIDDEN)) {
    shown.append(text.slice(at, match.index), chip(match[0]));
    at = match.index + match[0].length;
  }
  shown.append(text.slice(at));
  return shown;
}

export const number = (n) => n.toLocaleString("en");

export function clipped(text, most) {
  const left = text.length - most;
  return left > 0 ? `${text.slice(0, most)} … ${number(left)} more characters` : text;
}

// An element that says a text, made visible and not too long.
export const said = (tag, kind, text, most = 300) =>
  el(tag, { className: kind }, visible(clipped(text, most)));

// A text line by line; marks are {from, to, kind}, sorted and apart from each other.
export function paint(text, marks = []) {
  const pre = el("pre", { tabIndex: 0 });
  const end = Math.min(text.length, MOST);
  let from = 0, lines = 0, next = 0;
  while (from <= end && lines++ < MOST_LINES) {
    const stop = text.indexOf("\n", from);
    const to = stop < 0 || stop > end ? end : stop;
    const line = el("span", { className: "line" });
    let at = from;
    while (next < marks.length && marks[next].to <= from) next++;
    for (let m = next; m < marks.length && marks[m].from < to; m++) {
      const [a, b] = [Math.max(marks[m].from, at), Math.min(marks[m].to, to)];
      if (b <= a) continue;
      const marked = el("mark", { className: marks[m].kind }, visible(text.slice(a, b)));
      line.append(visible(text.slice(at, a)), marked);
      at = b;
    }
    line.append(visible(text.slice(at, to)));
    pre.append(line);
    from = to + 1;
    if (to === end) break;
  }
  const left = text.length - Math.min(from, text.length);
  const cut = `${number(left)} more characters, cut on the page; whole in the data`;
  if (left > 0) pre.append(said("span", "cut", cut));
  return pre;
}
