// The table of connections, with a button to disconnect each one.

import { post } from "./api.js";
import { byID, element, reconcile, setText, setTitled } from "./dom.js";
import { bytes, count, duration } from "./format.js";

const pageSize = 50;
const filterDelayMs = 250; // the user may continue to type
const armedMs = 5_000;     // how long the confirmation of a disconnect stays open

const pages = [0]; // for each page up to the current one: the id after which it begins
let following = 0; // the id after which the next page begins; 0: there is no next page
let refresh = () => {};

// startConnections activates the table's controls. They call onChange when the table must show other
// connections.
export function startConnections(onChange) {
  refresh = onChange;
  let timer;
  byID("filter").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(fromTheFirst, filterDelayMs);
  });
  byID("slowest").addEventListener("change", fromTheFirst);
  byID("next").addEventListener("click", () => turn(() => pages.push(following)));
  byID("previous").addEventListener("click", () => turn(() => pages.pop()));
  // Holding down the key must not count as the second press.
  byID("rows").addEventListener("keydown", event => event.repeat && event.key === "Enter" && event.preventDefault());
}

// connectionsQuery returns the query of status.json for the current page.
export function connectionsQuery() {
  return {
    limit: pageSize,
    after: pages.at(-1) || "",
    namespace: byID("filter").value.trim(),
    sort: byID("slowest").checked ? "backlog" : "",
  };
}

// showConnectionsIn shows only the connections in a namespace.
export function showConnectionsIn(namespace) {
  byID("filter").value = namespace === "/" ? "" : namespace;
  fromTheFirst();
}

function turn(change) {
  change();
  refresh();
}

const fromTheFirst = () => turn(() => pages.splice(1));

// showConnections fills the table with a page of status.json.
export function showConnections({ connections, next_after: next, subscribers, loops }) {
  if (connections.length === 0 && pages.length > 1) return fromTheFirst(); // all connections of this page have closed
  following = next;
  byID("next").disabled = !next;
  byID("previous").disabled = pages.length === 1;
  reconcile(byID("rows"), connections, connection => connection.id, createRow, updateRow);
  for (const cell of document.querySelectorAll(".connections .loop")) cell.hidden = loops.length < 2;
  setText(byID("connections-note"), summary(connections.length, subscribers));
}

// failConnections shows an error in place of the rows.
export function failConnections(error) {
  reconcile(byID("rows"), []);
  setText(byID("connections-note"), error.message);
}

function summary(shown, subscribers) {
  if (shown === 0) return byID("filter").value.trim() ? "No subscribers in this namespace." : "No subscribers.";
  const which = byID("slowest").checked ? "furthest behind first" : pages.length > 1 ? `page ${pages.length}` : "";
  return `${count(shown)} of ${count(subscribers)} subscribers shown${which && `, ${which}`}`;
}

// The names of the cells. On narrow screens, numbers are shown with these labels instead of column
// headings.
const cells = ["address", "namespaces", "agent", "age", "messages", "behind", "loop"];
const numbers = ["age", "messages", "behind", "loop"];

function createRow({ id }) {
  const button = element("button", { type: "button", className: "danger", title: "close this connection" }, "disconnect");
  button.addEventListener("click", () => press(button, id));
  button.addEventListener("blur", () => disarm(button));
  return element("tr", {}, ...cells.map(makeCell), element("td", { className: "action" }, button));
}

function makeCell(label) {
  const cell = element("td", { className: numbers.includes(label) ? `number ${label}` : label });
  cell.dataset.label = label;
  return cell;
}

function updateRow(row, connection) {
  const [address, namespaces, agent, age, messages, behind, loop] = row.cells;
  setTitled(address, connection.client_ip);
  setTitled(namespaces, connection.namespaces.join("  "));
  setTitled(agent, connection.user_agent || "–");
  setText(age, duration(connection.age_seconds));
  setText(messages, count(connection.msgs_sent));
  setText(behind, connection.lag_bytes ? bytes(connection.lag_bytes) : "–");
  setText(loop, String(connection.loop));
  behind.classList.toggle("lagging", connection.lag_bytes > 0);
  behind.classList.toggle("blocked", connection.blocked);
  behind.title = connection.blocked ? "the socket is full, because the client or the network is slow" : "";
}

// press asks for confirmation at the first press, and disconnects at the second. It does not disable
// the button, because the button would lose the focus.
async function press(button, id) {
  if (!button.classList.contains("armed")) return arm(button);
  disarm(button);
  try {
    await post("disconnect", { id });
  } catch (error) {
    if (error.status !== 404) return setText(byID("connections-note"), `Not disconnected: ${error.message}`);
  }
  refresh(); // the connection is closed, or was closed already (404)
}

function arm(button) {
  button.classList.add("armed");
  setText(button, "confirm?");
  const timer = setTimeout(() => disarm(button), armedMs);
  button.disarm = () => clearTimeout(timer);
}

function disarm(button) {
  button.disarm?.();
  button.classList.remove("armed");
  setText(button, "disconnect");
}
