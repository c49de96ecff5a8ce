// node watch.mjs IMPLEMENTATION URL [NAME...] watches an event stream with one of
// the EventSources that Node programs use, and prints what it does: a line of JSON
// for each report.
import { watch } from "../web/watch.mjs";

const implementations = {
  builtin: async () => globalThis.EventSource, // node --experimental-eventsource
  eventsource: async () => (await import("eventsource")).EventSource,
  "eventsource-2": async () => (await import("eventsource-2")).default,
};

const [implementation, url, ...names] = process.argv.slice(2);
const EventSource = await implementations[implementation]();
watch(EventSource, url, names, (report) => process.stdout.write(JSON.stringify(report) + "\n"));
