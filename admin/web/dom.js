// Helpers for the document. Text is always inserted as text and never as HTML, because user agents,
// namespaces and data come from untrusted clients.

export const byID = id => document.getElementById(id);

// element creates an element with DOM properties (such as className) and children.
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// setText sets the text of a node, only if it has changed. So a refresh neither loses a selection nor
// makes a screen reader read the text again.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// setTitled is like setText, for text that may be cut off: the tooltip shows the complete text.
export function setTitled(node, text) {
  setText(node, text);
  if (node.title !== text) node.title = text;
}

// reconcile changes the children of parent so that there is one for each item. It updates existing
// children in place, so a refresh does not lose the focus, the selection or a button's state.
export function reconcile(parent, items, key, create, update) {
  const keys = new Set(items.map(item => String(key(item))));
  const focus = keepFocus(parent);
  const kept = new Map();
  for (const child of [...parent.children]) {
    if (keys.has(child.dataset.key)) kept.set(child.dataset.key, child);
    else child.remove(); // removed before the loop below, which would otherwise move all later children
  }
  let at = parent.firstElementChild;
  for (const item of items) {
    const child = kept.get(String(key(item))) ?? create(item);
    child.dataset.key = key(item);
    update(child, item);
    if (child === at) at = at.nextElementSibling;
    else parent.insertBefore(child, at);
  }
  focus();
}

// keepFocus remembers the focused element in parent, and returns a function that focuses it again,
// because an element loses the focus when it is moved. If the element was removed, the function
// focuses the element that has taken its place. Otherwise keyboard users would have to start at the
// top of the page again.
function keepFocus(parent) {
  const focused = document.activeElement;
  if (!parent.contains(focused) || focused === parent) return () => {};
  const place = [...parent.children].findIndex(child => child.contains(focused));
  return () => {
    if (document.activeElement === focused) return;
    const heir = parent.children[Math.min(place, parent.children.length - 1)];
    const target = focused.isConnected ? focused : heir?.querySelector("button") ?? heir ?? parent;
    target.focus({ preventScroll: true });
  };
}
