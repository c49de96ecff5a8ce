// The tree of namespaces, made of the subscription sets that the daemon tells of.

// A node counts subscribers "here", whose set names this very namespace, and "all"
// of them here and below, each once however many of them its set names. rate is how
// many messages a second those here get, and null where that is not known.

// buildTree makes the tree. rates maps a set's stream to its messages a second.
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

// walk returns the nodes from the root to a namespace, and makes what is missing.
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

// arrive counts a set at one of its namespaces. A set of several hears the messages of
// all of them, so its rate only bounds the one here: the least bound is kept, which is
// exact once somebody subscribes to this namespace alone.
function arrive(node, set, rate) {
  node.here += set.subscribers;
  node.exact ||= set.namespaces.length === 1;
  if (rate !== undefined) node.rate = Math.min(node.rate ?? Infinity, rate);
}

// ratesBetween compares two polls: messages a second for each stream in both.
export function ratesBetween(before, now, seconds) {
  const counted = new Map(before.map(set => [set.stream, set.messages]));
  const rates = new Map();
  for (const { stream, messages } of now) {
    if (counted.has(stream)) rates.set(stream, Math.max(0, messages - counted.get(stream)) / seconds);
  }
  return rates;
}

const byName = new Intl.Collator("en", { numeric: true });

// sortedChildren are a node's children as they are listed.
export const sortedChildren = node => [...node.children.values()].sort((a, b) => byName.compare(a.name, b.name));
