// Small helpers around the document. Text enters it as text and never as HTML:
// agents, namespaces and data are what strangers sent.

export const byID = id => document.getElementById(id);

// element makes one with properties (of the DOM, such as className) and children.
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// setText leaves what is right as it is, so that a refresh neither drops somebody's
// selection nor makes a screen reader speak again.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// setTitled is setText for what may be cut off: the whole is in the tooltip.
export function setTitled(node, text) {
  setText(node, text);
  if (node.title !== text) node.title = text;
}

// reconcile brings parent's children in line with items. Those that stay are kept
// and updated in place: focus, selection and half-pressed buttons outlive a refresh.
export function reconcile(parent, items, key, create, update) {
  const keys = new Set(items.map(item => String(key(item))));
  const focus = keepFocus(parent);
  const kept = new Map();
  for (const child of [...parent.children]) {
    if (keys.has(child.dataset.key)) kept.set(child.dataset.key, child);
    else child.remove(); // first, or all behind it would have to move
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

// keepFocus notes what is focused in parent, and returns a function that focuses
// it again: to move an element is to blur it. Of one that is gone, the focus goes
// to what has taken its place, or a keyboard would have to start from the top.
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
