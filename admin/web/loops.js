// The table of event loops. With one loop the figures of the daemon say the same, so it is hidden.

import { byID, element, reconcile, setText } from "./dom.js";
import { bytes, compact, count } from "./format.js";

let last = new Map(); // the loops of the last status.json, by number
let lastAt = 0;       // when it arrived, in milliseconds
let startedAt = null; // when its daemon started

// showLoops fills the table from status.json.
export function showLoops({ loops, startup_time: started }) {
  const now = performance.now();
  const before = started === startedAt ? last : new Map();
  const newest = Math.max(...loops.map(loop => loop.newest));
  const rows = loops.map(loop => ({ ...loop, rate: rate(before.get(loop.loop), loop, (now - lastAt) / 1000), lag: newest - loop.newest }));
  byID("loops").hidden = loops.length < 2;
  reconcile(byID("loop-rows"), rows, row => row.loop, createRow, updateRow);
  [last, lastAt, startedAt] = [new Map(loops.map(loop => [loop.loop, loop])), now, started];
}

// rate returns a loop's deliveries per second since the last status.json, or null if it is not known.
function rate(before, now, seconds) {
  return before && seconds > 0 ? (now.deliveries - before.deliveries) / seconds : null;
}

const createRow = ({ loop }) => element("tr", {},
  element("th", { scope: "row" }, String(loop)),
  ...["", "", "", ""].map(() => element("td", { className: "number" })));

function updateRow(row, { subscribers, rate, backlog_bytes: backlog, lag }) {
  const [, people, deliveries, held, behind] = row.cells;
  setText(people, count(subscribers));
  setText(deliveries, rate === null ? "–" : compact(rate));
  setText(held, backlog ? bytes(backlog) : "–");
  setText(behind, lag ? count(lag) : "–");
}
