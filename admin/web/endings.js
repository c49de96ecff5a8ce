// The table of disconnects: how many streams ended, and why.

import { byID, element, reconcile, setText } from "./dom.js";
import { count } from "./format.js";
import { before } from "./live.js";

// The daemon's reasons, in its order, and their meanings for the tooltips.
const meanings = {
  left: "the client closed the connection",
  reset: "the connection broke",
  slow: "the subscriber was more than --backlog behind",
  stalled: "the subscriber accepted no data for --stall-timeout, although data was waiting",
  evicted: "the backlogs exceeded --backlog-total, and this subscriber was furthest behind",
  kicked: "an operator disconnected the subscriber, or it kept sending data after its request",
  shutdown: "the daemon stopped",
  error: "an internal error of the daemon",
};

// Reasons that have a row only if they have occurred.
const rare = {
  store: "missed messages could not be read from the store, or its stream was replaced",
};

const minuteMs = 60_000;

// makeEndings fills the table with zeros before the first sample, so that its height does not change.
export const makeEndings = () => showEndings([{ t: 0, ended: {} }]);

// showEndings fills the table from samples, the oldest first.
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
  element("th", { scope: "row", title: meanings[reason] ?? rare[reason] ?? "" }, reason),
  ...["", "", ""].map(() => element("td", { className: "number" })));

function updateRow(row, { total, minute, window }) {
  [minute, window, total].forEach((n, i) => setText(row.cells[i + 1], count(n)));
  row.classList.toggle("quiet", total === 0);
}
