// The words of every prompt and answer, block by block, for as long as the question stands.
import { blockText } from "./data.js";

const BREATH = 400; // milliseconds between two looks at the page

// As a receipt's line has it: in ASCII.
function escaped(words) {
  const spelt = (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0");
  return JSON.stringify(words).slice(1, -1).replace(/[\u007f-\uffff]/g, spelt);
}

export async function search(data, words, stands, told) {
  const holds = new Uint8Array(data.rows), needle = escaped(words);
  let breath = performance.now();
  for (let block = 0; block < data.starts.length; block++) {
    const lines = (await blockText(block)).toLowerCase().split("\n");
    if (!stands()) return;
    lines.forEach((line, number) => {
      const row = data.row[data.starts[block] + number];
      if (row >= 0 && line.includes(needle)) holds[row] = 1;
    });
    if (performance.now() - breath > BREATH) {
      told(holds, (block + 1) / data.starts.length);
      await new Promise(requestAnimationFrame);
      breath = performance.now();
    }
  }
  if (stands()) told(holds, 1);
}
