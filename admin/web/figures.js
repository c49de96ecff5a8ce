// The header and the strip of figures below it.

import { byID, element, setText } from "./dom.js";
import { bytes, count, duration } from "./format.js";

// Each with a field of status.json and, where a sample has it too, of that: those
// change each second. The first three are what the page of ssed's ancestor had.
const figures = [
  { title: "uptime", status: "uptime_seconds", show: duration },
  { title: "messages broadcast", status: "msgs_broadcast", sample: "published" },
  { title: "open streams", status: "subscribers", sample: "subscribers" },
  { title: "subscription sets", status: "streams", sample: "streams", about: "different sets of namespaces; each is one stream that all its subscribers share" },
  { title: "publishers", status: "publishers", sample: "publishers" },
  { title: "pending", status: "pending_connections", about: "connections that have not subscribed" },
  { title: "full sockets", status: "blocked", sample: "blocked", about: "connections that do not take what they are sent, for now" },
  { title: "backlog", status: "backlog_bytes", sample: "backlog", show: bytes, about: "what is kept for those who are behind" },
  { title: "bytes out", status: "bytes_out", sample: "bytes_out", show: bytes },
  { title: "turned away", status: "turned_away", sample: "turned_away", about: "requests that were asked to come back later" },
  { title: "refused", status: "refused", sample: "refused", about: "requests that were answered with an error" },
  { title: "skips", status: "skips", about: "how often a slow subscriber was passed over to the newest message" },
];

// makeFigures puts them on the page.
export function makeFigures() {
  for (const figure of figures) {
    figure.value = element("dd", {}, "–");
    byID("figures").append(element("div", { title: figure.about ?? "" }, element("dt", {}, figure.title), figure.value));
  }
}

// showStatus takes what status.json tells.
export function showStatus(status) {
  for (const figure of figures) show(figure, status[figure.status]);
  setText(byID("node"), status.node);
  setText(byID("version"), status.version);
  document.title = `ssed · ${status.node}`;
  setText(byID("state"), status.stopping ? "draining" : "serving");
  byID("state").dataset.state = status.stopping ? "draining" : "serving";
  byID("logout").hidden = !status.signed_in;
}

// showSample takes the newest sample.
export function showSample(sample) {
  for (const figure of figures) show(figure, sample[figure.sample]);
}

function show(figure, value) {
  if (value !== undefined) setText(figure.value, (figure.show ?? count)(value));
}
