// The words of every prompt and answer, block by block, for as long as the question stands.
import { blockText } from "./data.js";

const BREATH = 400; // milliseconds between two looks at the page

// As a receipt's line has it, whose letters beyond ASCII are read first: its case is then one.
const escaped = (words) => JSON.stringify(words).slice(1, -1);
const spelled = (text) =>
  text.replace(/\\u([0-9a-f]{4})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));

export async function search(data, words, stands, told) {
  const holds = new Uint8Array(data.rows), needle = escaped(words);
  let breath = performance.now();
  for (let block = 0; block < data.starts.length; block++) {
    const lines = spelled(await blockText(block)).toLowerCase().split("\n");
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
