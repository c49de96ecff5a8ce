// The table of connections: who is there, who is behind, and a way to end one.

import { post } from "./api.js";
import { byID, element, reconcile, setText, setTitled } from "./dom.js";
import { bytes, count, duration } from "./format.js";

const pageSize = 50;
const filterDelayMs = 250; // somebody may go on typing
const armedMs = 5_000;     // so long a first press counts

const pages = [0]; // of each page up to the one that is shown: the id after which it begins
let following = 0; // where the next one begins
let refresh = () => {};

// startConnections makes the table's controls work. asked is called when other
// connections are to be shown.
export function startConnections(asked) {
  refresh = asked;
  let timer;
  byID("filter").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(fromTheFirst, filterDelayMs);
  });
  byID("slowest").addEventListener("change", fromTheFirst);
  byID("next").addEventListener("click", () => turn(() => pages.push(following)));
  byID("previous").addEventListener("click", () => turn(() => pages.pop()));
  // A key that is held down must not be both presses.
  byID("rows").addEventListener("keydown", event => event.repeat && event.key === "Enter" && event.preventDefault());
}

// connectionsQuery is what to ask status.json for.
export function connectionsQuery() {
  return {
    limit: pageSize,
    after: pages.at(-1) || "",
    namespace: byID("filter").value.trim(),
    sort: byID("slowest").checked ? "backlog" : "",
  };
}

// showConnectionsIn filters by a namespace.
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
export function showConnections({ connections, next_after: next, subscribers }) {
  if (connections.length === 0 && pages.length > 1) return fromTheFirst(); // all of this page have left
  following = next;
  byID("next").disabled = !next;
  byID("previous").disabled = pages.length === 1;
  reconcile(byID("rows"), connections, connection => connection.id, createRow, updateRow);
  setText(byID("connections-note"), summary(connections.length, subscribers));
}

// failConnections says in the table's place what is wrong with the question.
export function failConnections(error) {
  reconcile(byID("rows"), []);
  setText(byID("connections-note"), error.message);
}

function summary(shown, subscribers) {
  if (shown === 0) return byID("filter").value.trim() ? "Nobody subscribes to this." : "Nobody is connected.";
  const which = byID("slowest").checked ? "those furthest behind" : pages.length > 1 ? `page ${pages.length}` : "";
  return `${count(shown)} shown${which && `, ${which}`}, of ${count(subscribers)} in all`;
}

// The labels stand beside the values where the screen is too narrow for columns.
const cells = ["address", "namespaces", "agent", "age", "messages", "behind"];
const numbers = ["age", "messages", "behind"];

function createRow({ id }) {
  const button = element("button", { type: "button", className: "danger" }, "disconnect");
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
  const [address, namespaces, agent, age, messages, behind] = row.cells;
  setTitled(address, connection.client_ip);
  setTitled(namespaces, connection.namespaces.join("  "));
  setTitled(agent, connection.user_agent || "–");
  setText(age, duration(connection.age_seconds));
  setText(messages, count(connection.msgs_sent));
  setText(behind, connection.lag_bytes ? bytes(connection.lag_bytes) : "–");
  behind.classList.toggle("lagging", connection.lag_bytes > 0);
  behind.classList.toggle("blocked", connection.blocked);
  behind.title = connection.blocked ? "its socket is full" : "";
}

// press asks at the first press and disconnects at the second. The button is not
// disabled meanwhile: that would take the focus from it.
async function press(button, id) {
  if (!button.classList.contains("armed")) return arm(button);
  disarm(button);
  try {
    await post("disconnect", { id });
  } catch (error) {
    if (error.status !== 404) return setText(byID("connections-note"), `Not disconnected: ${error.message}`);
  }
  refresh(); // it is gone, or has left by itself
}

function arm(button) {
  button.classList.add("armed");
  setText(button, "really?");
  const timer = setTimeout(() => disarm(button), armedMs);
  button.disarm = () => clearTimeout(timer);
}

function disarm(button) {
  button.disarm?.();
  button.classList.remove("armed");
  setText(button, "disconnect");
}
