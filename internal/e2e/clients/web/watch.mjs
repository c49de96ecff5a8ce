// watch opens an EventSource and reports everything that it does, in order. A page, a worker and
// Node share it and differ only in the report function.
//
// names are the event names to listen for, in addition to events without a name, which an
// EventSource dispatches as "message".
export function watch(EventSource, url, names, report, options = {}) {
  const source = new EventSource(url, options);
  // data is undefined, and omitted from the report, unless the event is a message with that name.
  source.onopen = (event) => report({ kind: "open", data: event.data });
  // One implementation decides only after its error event whether it gives up: read readyState later.
  source.onerror = (event) => queueMicrotask(() => report({ kind: "error", readyState: source.readyState, data: event.data }));
  const show = (event) => report({ kind: "event", name: event.type, data: event.data });
  for (const name of new Set(["message", ...names])) source.addEventListener(name, show);
}
