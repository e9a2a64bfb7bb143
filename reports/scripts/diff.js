// The words in which two texts differ: E. Myers, "An O(ND) difference algorithm", 1986.
const MOST_WORDS = 30000;
const MOST_EDITS = 1200; // beyond this the texts have little in common
const LITTLE = 0.6; // of both texts changed: marks would only be noise

const words = (text) => text.match(/\n|[^\S\n]+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) ?? [];

// [removed, added] as character ranges of the first and the second text, or null.
export function wordDiff(first, second) {
  if (first.length + second.length > 8 * MOST_WORDS) return null;
  const a = words(first), b = words(second);
  if (a.length + b.length > MOST_WORDS) return null;
  let head = 0, tail = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  const most = Math.min(a.length, b.length) - head;
  while (tail < most && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  const edits = myers(a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  if (!edits) return null;
  const ranges = [marks(a, edits[0], head, "removed"), marks(b, edits[1], head, "added")];
  const changed = ranges.flat().reduce((sum, r) => sum + r.to - r.from, 0);
  return changed > LITTLE * (first.length + second.length) ? null : ranges;
}

function myers(a, b) {
  const [n, m] = [a.length, b.length], trace = [];
  const furthest = new Int32Array(2 * (MOST_EDITS + 1) + 1), zero = MOST_EDITS + 1;
  for (let d = 0; d <= Math.min(n + m, MOST_EDITS); d++) {
    trace.push(furthest.slice(zero - d, zero + d + 1));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && furthest[zero + k - 1] < furthest[zero + k + 1]);
      let x = down ? furthest[zero + k + 1] : furthest[zero + k - 1] + 1;
      while (x < n && x - k < m && a[x] === b[x - k]) x++;
      furthest[zero + k] = x;
      if (x >= n && x - k >= m) return backwards(trace, n, m);
    }
  }
  return null;
}

function backwards(trace, n, m) {
  const removed = new Set(), added = new Set();
  let x = n, y = m;
  for (let d = trace.length - 1; d > 0; d--) {
    const before = trace[d], k = x - y, at = (i) => before[i + d] ?? -1;
    const down = k === -d || (k !== d && at(k - 1) < at(k + 1));
    const from = down ? k + 1 : k - 1, px = at(from), py = px - from;
    if (down) added.add(py);
    else removed.add(px);
    [x, y] = [px, py];
  }
  return [removed, added];
}

function marks(tokens, changed, head, kind) {
  const found = [];
  let at = 0;
  tokens.forEach((token, number) => {
    if (changed.has(number - head)) {
      const last = found.at(-1);
      if (last?.to === at) last.to += token.length;
      else found.push({ from: at, to: at + token.length, kind });
    }
    at += token.length;
  });
  return found;
}
