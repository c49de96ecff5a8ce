// Why streams ended, and how many lately.

import { byID, element, reconcile, setText } from "./dom.js";
import { count } from "./format.js";
import { before } from "./live.js";

// The daemon's words, in its order, with what they mean.
const meanings = {
  left: "closed by the client",
  reset: "the connection broke",
  slow: "lagged too far behind",
  stalled: "took nothing any more",
  evicted: "all backlogs together were too much, and this was the longest",
  kicked: "thrown out by an operator, or for what it sent",
  shutdown: "the daemon ended",
  error: "a fault of the daemon's",
};

// Words that have a row only once they are needed.
const seldom = {
  store: "what was asked for of the past could not be read from the store",
};

const minuteMs = 60_000;

// makeEndings fills the table before anything is known, so that it is as high as it
// will be.
export const makeEndings = () => showEndings([{ t: 0, ended: {} }]);

// showEndings fills the table from samples, oldest first.
export function showEndings(samples) {
  const now = samples.at(-1).ended;
  const minuteAgo = before(samples, minuteMs).ended, first = samples[0].ended;
  const shown = Object.keys({ ...meanings, ...now }).filter(reason => reason in meanings || now[reason] > 0);
  const rows = shown.map(reason => ({
    reason,
    total: now[reason] ?? 0,
    minute: (now[reason] ?? 0) - (minuteAgo[reason] ?? 0),
    window: (now[reason] ?? 0) - (first[reason] ?? 0),
  }));
  reconcile(byID("endings").tBodies[0], rows, row => row.reason, createRow, updateRow);
}

const createRow = ({ reason }) => element("tr", {},
  element("th", { scope: "row", title: meanings[reason] ?? seldom[reason] ?? "" }, reason),
  ...["", "", ""].map(() => element("td", { className: "number" })));

function updateRow(row, { total, minute, window }) {
  [minute, window, total].forEach((n, i) => setText(row.cells[i + 1], count(n)));
  row.classList.toggle("quiet", total === 0);
}
