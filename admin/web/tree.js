// The tree of namespaces, built from the subscription sets that the daemon reports.

// A node has two counts. "here" counts the subscribers whose set contains exactly this namespace.
// "all" counts the subscribers of this namespace and of those below it, each subscriber once. rate is
// the number of messages per second for the subscribers "here", or null if it is not known.

// buildTree builds the tree. rates maps a set's stream to its messages per second.
export function buildTree(sets, rates) {
  const root = makeNode("/", "/");
  for (const set of sets) {
    const passed = new Set();
    for (const namespace of set.namespaces) {
      const path = walk(root, namespace);
      path.forEach(node => passed.add(node));
      arrive(path.at(-1), set, rates.get(set.stream));
    }
    for (const node of passed) node.all += set.subscribers;
  }
  return root;
}

const makeNode = (path, name) => ({ path, name, here: 0, all: 0, rate: null, exact: false, children: new Map() });

// walk returns the nodes from the root to a namespace. It creates missing nodes.
function walk(root, namespace) {
  const nodes = [root];
  let path = "";
  for (const name of namespace.split("/").filter(Boolean)) {
    const { children } = nodes.at(-1);
    path += "/" + name;
    if (!children.has(name)) children.set(name, makeNode(path, name));
    nodes.push(children.get(name));
  }
  return nodes;
}

// arrive adds a set to one of its namespaces. A set of several namespaces receives the messages of all
// of them, so its rate is only an upper bound for this namespace. The lowest bound is used. It is
// exact if there is a set of this namespace alone.
function arrive(node, set, rate) {
  node.here += set.subscribers;
  node.exact ||= set.namespaces.length === 1;
  if (rate !== undefined) node.rate = Math.min(node.rate ?? Infinity, rate);
}

// ratesBetween compares two polls. It returns the messages per second of each stream in both.
export function ratesBetween(before, now, seconds) {
  const counted = new Map(before.map(set => [set.stream, set.messages]));
  const rates = new Map();
  for (const { stream, messages } of now) {
    if (counted.has(stream)) rates.set(stream, Math.max(0, messages - counted.get(stream)) / seconds);
  }
  return rates;
}

const byName = new Intl.Collator("en", { numeric: true });

// sortedChildren returns a node's children in the order of the list.
export const sortedChildren = node => [...node.children.values()].sort((a, b) => byName.compare(a.name, b.name));
