// The index and the receipts as they stand compressed in this file.
const KEPT = 12; // inflated blocks that are kept

const parsed = document.readyState === "loading"
  ? new Promise((go) => addEventListener("DOMContentLoaded", go))
  : Promise.resolve();

function bytes(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

async function inflate(element) {
  const stream = new Blob([bytes(element.textContent)]).stream();
  return new Response(stream.pipeThrough(new DecompressionStream("gzip"))).text();
}

export async function loadIndex() {
  return JSON.parse(await inflate(document.getElementById("index")));
}

export async function blockText(number) {
  let found = document.getElementById(`b${number}`);
  if (!found?.nextSibling) {
    await parsed; // the browser may still read the end of the file
    found = document.getElementById(`b${number}`);
  }
  return inflate(found);
}

const kept = new Map();
export function blockLines(number) {
  if (!kept.has(number)) {
    kept.set(number, blockText(number).then((text) => text.split("\n")));
    if (kept.size > KEPT) kept.delete(kept.keys().next().value);
  }
  return kept.get(number);
}

// The receipt in a line of receipts.jsonl, counted from 0.
export async function receipt(starts, line) {
  let low = 0, high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle] <= line) low = middle;
    else high = middle - 1;
  }
  return JSON.parse((await blockLines(low))[line - starts[low]]);
}
