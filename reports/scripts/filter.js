// Which rows are shown, and how many each choice of each filter would show. A row is a case of a
// suite with all its answers; outcome, criterion and reason are those of the answers of one arm.
export const OUTCOMES = ["pass", "fail", "unverified"];
export const FLIPS = ["lost", "gained", "changed"];

export function prepare(index) {
  const { receipts } = index, lines = receipts.row.length, rows = index.case.length;
  const begins = new Uint32Array(rows + 1), order = new Uint32Array(lines);
  for (const row of receipts.row) if (row >= 0) begins[row + 1]++;
  for (let row = 0; row < rows; row++) begins[row + 1] += begins[row];
  const free = begins.slice();
  receipts.row.forEach((row, line) => row >= 0 && (order[free[row]++] = line));
  const reasons = [], criteria = [], known = new Map();
  const place = (list, text) => {
    const key = `${list === reasons}${text}`;
    if (!known.has(key)) known.set(key, list.push(text) - 1);
    return known.get(key);
  };
  const signatures = index.signatures.map(([outcome, sign, findings]) => {
    const against = sign ? [...findings, ["ends", sign]] : findings;
    return {
      outcome: OUTCOMES.indexOf(outcome),
      against,
      findings: against.map(([c, why]) => [place(criteria, c), place(reasons, why)]),
      text: [outcome, ...against.flat()].join(" ").toLowerCase(),
    };
  });
  const suite = (row) => index.suites[index.suite[row]];
  return {
    ...index, rows, begins, order, signatures, reasons, criteria,
    suite: Uint16Array.from(index.suite), flip: Int8Array.from(index.flip),
    arm: Uint8Array.from(receipts.arm), sample: receipts.sample,
    signature: Uint32Array.from(receipts.signature), row: Int32Array.from(receipts.row),
    tagged: index.case.map((_, row) => index.tagged[row] ?? NONE),
    names: index.case.map((name, row) => `${suite(row).id} ${name}`.toLowerCase()),
  };
}

// The arm of a row that the filters ask about: the one chosen, else what was to be released.
const armOf = (data, row, chosen) => (chosen >= 0 ? chosen : data.suites[data.suite[row]].first);

export const linesOf = (data, row) => data.order.subarray(data.begins[row], data.begins[row + 1]);

// What of a signature fits the wanted criterion and reason, and what it offers to either filter.
function read(signature, wanted) {
  const ofCriterion = ([c]) => wanted.criterion < 0 || c === wanted.criterion;
  const forReason = ([, why]) => wanted.reason < 0 || why === wanted.reason;
  const { findings } = signature;
  const all = wanted.criterion < 0 && wanted.reason < 0;
  return {
    found: all || findings.some((each) => ofCriterion(each) && forReason(each)),
    criteria: findings.filter(forReason).map(([c]) => c),
    reasons: findings.filter(ofCriterion).map(([, why]) => why),
    outcome: wanted.outcome < 0 || signature.outcome === wanted.outcome,
    says: wanted.words !== "" && signature.text.includes(wanted.words),
  };
}

const NONE = []; // of a row that has no tag
const FITS = { "": () => true, lost: (f) => f < 0, gained: (f) => f > 0, changed: (f) => f !== 0 };

// Counts each key once for a row, however many of its answers have it.
class Counter {
  constructor(keys) {
    this.many = new Uint32Array(keys);
    this.last = new Int32Array(keys).fill(-1);
  }
  add(key, row) {
    if (this.last[key] === row) return;
    this.last[key] = row;
    this.many[key]++;
  }
}

function saysSo(data, row, wanted, about, holds) {
  if (wanted.words === "" || holds?.[row] === 1) return true;
  if (data.names[row].includes(wanted.words)) return true;
  for (let at = data.begins[row]; at < data.begins[row + 1]; at++) {
    if (about[data.signature[data.order[at]]].says) return true;
  }
  return false;
}

export function filtered(data, wanted, holds) {
  const counts = {
    suite: new Counter(data.suites.length),
    slice: new Counter(data.tags.length),
    flip: new Counter(FLIPS.length),
    outcome: new Counter(OUTCOMES.length),
    criterion: new Counter(data.criteria.length),
    reason: new Counter(data.reasons.length),
  };
  const about = data.signatures.map((signature) => read(signature, wanted));
  const unasked = wanted.outcome < 0 && wanted.criterion < 0 && wanted.reason < 0;
  const lost = [], gained = [], rest = [];
  for (let row = 0; row < data.rows; row++) {
    if (!saysSo(data, row, wanted, about, holds)) continue;
    const arm = armOf(data, row, wanted.of), flip = data.flip[row];
    const flips = (FITS[wanted.flip] ?? FITS[""])(flip), tags = data.tagged[row];
    const inSlice = wanted.slice < 0 || tags.includes(wanted.slice);
    const ofSuite = wanted.suite < 0 || data.suite[row] === wanted.suite;
    const inSuite = ofSuite && inSlice;
    let all = unasked; // an arm that was never asked is shown where nothing is asked of its answers
    for (let at = data.begins[row]; at < data.begins[row + 1]; at++) {
      const line = data.order[at], a = about[data.signature[line]];
      if (data.arm[line] !== arm) continue;
      if (a.found && a.outcome) all = true;
      if (!inSuite || !flips) continue;
      if (a.found) counts.outcome.add(data.signatures[data.signature[line]].outcome, row);
      if (!a.outcome) continue;
      for (const c of a.criteria) counts.criterion.add(c, row);
      for (const why of a.reasons) counts.reason.add(why, row);
    }
    if (!all) continue;
    if (flips && inSlice) counts.suite.add(data.suite[row], row);
    if (flips && ofSuite) for (const tag of tags) counts.slice.add(tag, row);
    if (inSuite && flip) {
      counts.flip.add(FLIPS.indexOf(flip < 0 ? "lost" : "gained"), row);
      counts.flip.add(FLIPS.indexOf("changed"), row);
    }
    if (inSuite && flips) (flip < 0 ? lost : flip > 0 ? gained : rest).push(row);
  }
  return { rows: lost.concat(gained, rest), lost: lost.length, gained: gained.length, counts };
}
