// The tree of namespaces as a list of rows, with the keys of the ARIA tree pattern
// (WAI-ARIA Authoring Practices, "Tree View").

import { byID, element, reconcile, setText, setTitled } from "./dom.js";
import { compact, count } from "./format.js";
import { getJSON } from "./api.js";
import { repeat } from "./poll.js";
import { buildTree, ratesBetween, sortedChildren } from "./tree.js";

const pollMs = 2_000;
const childrenStep = 100; // how many children of a node are listed at first, and added on demand
const openRowsMax = 24;   // levels are opened at the start while the list has at most this many rows

const open = new Map(); // the path of each open node -> how many of its children are listed
let root = buildTree([], new Map());
let current = "/"; // the row that gets the focus with Tab
let choose = () => {};

// startTree shows the tree and keeps it up to date. It calls chosen with the namespace that the user
// selects, and failed with the error of each poll, or null.
export function startTree(chosen, failed) {
  choose = chosen;
  const tree = byID("tree");
  tree.addEventListener("keydown", press);
  tree.addEventListener("click", click);
  tree.addEventListener("focusin", event => event.target.dataset.key && setCurrent(event.target.dataset.key));
  let last = null, lastAt = 0;
  repeat(async () => {
    try {
      const { namespaces } = await getJSON("namespaces.json");
      const now = performance.now();
      const rates = last ? ratesBetween(last, namespaces, (now - lastAt) / 1000) : new Map();
      root = buildTree(namespaces, rates);
      if (!last?.length) openFirstLevels();
      [last, lastAt] = [namespaces, now];
      render();
      failed(null);
    } catch (error) {
      failed(error);
    }
  }, pollMs);
}

// openFirstLevels opens one level after the other while the list has at most openRowsMax rows.
function openFirstLevels() {
  let level = [root], rows = 1;
  while (level.length > 0) {
    const below = level.flatMap(sortedChildren);
    rows += below.length;
    if (rows > openRowsMax && level[0] !== root) return;
    level.filter(node => node.children.size > 0).forEach(node => open.set(node.path, childrenStep));
    level = below;
  }
}

// visibleRows returns the visible rows from top to bottom. The key of a row never changes.
function visibleRows(node = root, level = 1, place = { at: 1, of: 1 }) {
  const rows = [{ key: node.path, node, level, place }];
  const listed = open.get(node.path);
  if (!listed) return rows;
  const children = sortedChildren(node);
  children.slice(0, listed).forEach((child, i) => {
    rows.push(...visibleRows(child, level + 1, { at: i + 1, of: children.length }));
  });
  // This key is unique, because a namespace never contains two slashes in a row.
  if (children.length > listed) rows.push({ key: `${node.path}//more`, more: children.length - listed, level: level + 1 });
  return rows;
}

function render() {
  const rows = visibleRows();
  if (!rows.some(row => row.key === current)) current = "/";
  reconcile(byID("tree"), rows, row => row.key, createRow, updateRow);
  byID("tree-note").hidden = root.all > 0;
}

const createRow = () => element("div", { role: "treeitem" },
  element("span", { className: "name" }), element("span"), element("span"), element("span"));

function updateRow(row, { key, node, level, place, more }) {
  row.tabIndex = key === current ? 0 : -1;
  row.ariaLevel = level;
  row.style.setProperty("--level", level - 1);
  const [name, here, all, rate] = row.children;
  if (more) return setText(name, `… ${count(more)} more`);
  row.ariaPosInSet = place.at;
  row.ariaSetSize = place.of;
  row.ariaExpanded = node.children.size > 0 ? String(open.has(node.path)) : null;
  setTitled(name, node.name);
  setText(here, node.here ? compact(node.here) : "");
  setText(all, compact(node.all));
  setText(rate, node.rate === null ? "" : (node.exact ? "" : "≤ ") + compact(node.rate));
  row.ariaLabel = describe(node);
}

function describe(node) {
  const rate = node.rate === null ? "" : `, ${node.exact ? "" : "at most "}${compact(node.rate)} messages per second`;
  return `${node.name}: ${count(node.here)} subscribers here, ${count(node.all)} in total${rate}`;
}

function setCurrent(key) {
  current = key;
  for (const row of byID("tree").children) row.tabIndex = row.dataset.key === key ? 0 : -1;
}

function click(event) {
  const row = event.target.closest("[role=treeitem]");
  if (!row) return;
  row.focus();
  const name = row.firstElementChild;
  // The arrow is drawn in the padding before the name.
  const arrowEnd = name.getBoundingClientRect().left + parseFloat(getComputedStyle(name).paddingLeft);
  if (event.clientX < arrowEnd && row.ariaExpanded !== null) toggle(row);
  else activate(row);
}

function toggle(row) {
  const path = row.dataset.key;
  if (!open.delete(path)) open.set(path, childrenStep);
  render();
}

// activate lists more children if the row is "... more", and otherwise the namespace's connections.
function activate(row) {
  const [path, more] = row.dataset.key.split("//");
  if (more === undefined || row.dataset.key === "/") return choose(row.dataset.key);
  open.set(path || "/", open.get(path || "/") + childrenStep);
  render();
}

const keys = {
  ArrowDown: row => row.nextElementSibling?.focus(),
  ArrowUp: row => row.previousElementSibling?.focus(),
  Home: row => row.parentElement.firstElementChild.focus(),
  End: row => row.parentElement.lastElementChild.focus(),
  ArrowRight: row => (row.ariaExpanded === "false" ? toggle(row) : row.ariaExpanded === "true" && row.nextElementSibling?.focus()),
  ArrowLeft: row => (row.ariaExpanded === "true" ? toggle(row) : parentOf(row)?.focus()),
  Enter: activate,
  " ": activate,
};

function press(event) {
  const row = event.target.closest("[role=treeitem]");
  if (!row || !keys[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  keys[event.key](row);
}

function parentOf(row) {
  let above = row.previousElementSibling;
  while (above && above.ariaLevel >= row.ariaLevel) above = above.previousElementSibling;
  return above;
}
