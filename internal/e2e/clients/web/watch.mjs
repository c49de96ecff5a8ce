// watch opens an EventSource and reports everything that it does, in order. It is
// the same for a page, a worker and Node: only where the reports go differs.
//
// names are the event names to listen for, beside those without a name, which an
// EventSource dispatches as "message".
export function watch(EventSource, url, names, report) {
  const source = new EventSource(url);
  source.onopen = () => report({ kind: "open" });
  source.onerror = () => report({ kind: "error", readyState: source.readyState });
  for (const name of ["message", ...names]) {
    source.addEventListener(name, (event) => report({ kind: "event", name: event.type, data: event.data }));
  }
}
