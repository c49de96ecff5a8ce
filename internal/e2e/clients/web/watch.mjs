// watch opens an EventSource and reports everything that it does, in order. It is
// the same for a page, a worker and Node: only where the reports go differs.
//
// names are the event names to listen for, beside those without a name, which an
// EventSource dispatches as "message".
export function watch(EventSource, url, names, report, options = {}) {
  const source = new EventSource(url, options);
  // data is undefined, and so left out, unless the event is a message of that name.
  source.onopen = (event) => report({ kind: "open", data: event.data });
  // One implementation decides after its error event whether it gives up: look then.
  source.onerror = (event) => queueMicrotask(() => report({ kind: "error", readyState: source.readyState, data: event.data }));
  const show = (event) => report({ kind: "event", name: event.type, data: event.data });
  for (const name of new Set(["message", ...names])) source.addEventListener(name, show);
}
