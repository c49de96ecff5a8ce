// node watch.mjs IMPLEMENTATION ORIGIN URL [NAME...] watches an event stream with an EventSource
// for Node. Like the pages, it reports everything that the EventSource does to the test's server at
// ORIGIN.
import { post } from "../web/post.mjs";
import { watch } from "../web/watch.mjs";

const implementations = {
  builtin: async () => globalThis.EventSource, // node --experimental-eventsource
  eventsource: async () => (await import("eventsource")).EventSource,
  "eventsource-2": async () => (await import("eventsource-2")).default,
};

const [implementation, origin, url, ...names] = process.argv.slice(2);
const EventSource = await implementations[implementation]();
watch(EventSource, url, names, post(origin));

// Node's own EventSource does not keep the process alive while it waits to reconnect.
setInterval(() => {}, 1 << 30);
