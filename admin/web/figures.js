// The header and the row of figures below it.

import { byID, element, setText } from "./dom.js";
import { bytes, count, duration } from "./format.js";

// The figures, each with its field in status.json. Figures that are also in the samples of the live
// stream change every second. The first three were already on the page of mroth/sseserver.
const figures = [
  { title: "uptime", status: "uptime_seconds", show: duration, about: "time since the daemon started" },
  { title: "messages published", status: "msgs_broadcast", sample: "published", about: "messages accepted from publishers since the daemon started" },
  { title: "subscribers", status: "subscribers", sample: "subscribers", about: "connections that receive an event stream" },
  { title: "subscription sets", status: "streams", sample: "streams", about: "different sets of namespaces, counted by each event loop; all subscribers of a loop with the same set share one stream" },
  { title: "publishers", status: "publishers", sample: "publishers", about: "connections of publishers" },
  { title: "pending connections", status: "pending_connections", about: "connections that have not subscribed yet, or were refused and are closing" },
  { title: "full sockets", status: "blocked", sample: "blocked", about: "connections whose socket is full, because the client or the network is slow" },
  { title: "backlog", status: "backlog_bytes", sample: "backlog", show: bytes, about: "memory held for subscribers that lag" },
  { title: "bytes sent", status: "bytes_out", sample: "bytes_out", show: bytes, about: "bytes of events and heartbeats written to sockets since the daemon started" },
  { title: "turned away", status: "turned_away", sample: "turned_away", about: "connections turned away because of a limit, at startup or during shutdown; clients retry later" },
  { title: "refused", status: "refused", sample: "refused", about: "requests answered with a final error status, such as those with a wrong URL or token" },
  { title: "skips", status: "skips", about: "how often a slow subscriber skipped to the newest message (--slow=skip)" },
];

// makeFigures adds the figures to the page.
export function makeFigures() {
  for (const figure of figures) {
    figure.value = element("dd", {}, "–");
    byID("figures").append(element("div", { title: figure.about }, element("dt", {}, figure.title), figure.value));
  }
}

// showStatus shows the values of status.json.
export function showStatus(status) {
  for (const figure of figures) show(figure, status[figure.status]);
  setText(byID("node"), status.node);
  setText(byID("version"), status.version);
  document.title = `ssed · ${status.node}`;
  setText(byID("state"), status.stopping ? "draining" : "serving");
  byID("state").dataset.state = status.stopping ? "draining" : "serving";
  byID("logout").hidden = !status.signed_in;
}

// showSample shows the values of the newest sample.
export function showSample(sample) {
  for (const figure of figures) show(figure, sample[figure.sample]);
}

function show(figure, value) {
  if (value !== undefined) setText(figure.value, (figure.show ?? count)(value));
}
