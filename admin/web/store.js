// The store, if the daemon has one: its state, its location, and its figures.

import { byID, element, setText } from "./dom.js";
import { bytes, clock, count } from "./format.js";

// The figures, each with its field in the "store" of status.json.
const figures = [
  { title: "first number", field: "first", about: "number of the oldest message in the stream" },
  { title: "last number", field: "last", about: "number of the newest message in the stream" },
  { title: "messages", field: "messages", about: "messages in the stream" },
  { title: "size", field: "bytes", show: bytes, about: "bytes of the messages in the stream" },
  { title: "last delivered", field: "delivered", about: "number of the newest message that this node has delivered" },
  { title: "lag", field: "lag", about: "messages of the stream that this node has not delivered yet" },
  { title: "unanswered", field: "unanswered", about: "messages of this node's publishers that the stream has not acknowledged yet" },
  { title: "refused", field: "refused", about: "messages of this node's publishers that the stream did not accept, or not in time" },
  { title: "sent again", field: "resent", about: "messages that were sent to the stream more than once" },
  { title: "duplicates", field: "duplicates", about: "messages whose key was already in the stream" },
  { title: "undeliverable", field: "undeliverable", about: "messages in the stream that cannot be delivered" },
  { title: "reconnects", field: "reconnects", about: "how often the connection to the store was lost and restored" },
];

// makeStore adds the figures to the section of the store, which stays hidden until there is a store.
export function makeStore() {
  for (const figure of figures) {
    figure.value = element("dd", {}, "–");
    byID("store-figures").append(element("div", { title: figure.about }, element("dt", {}, figure.title), figure.value));
  }
}

// showStore shows the "store" of status.json, or hides the section if it is undefined.
export function showStore(store) {
  byID("store").hidden = !store;
  if (!store) return;
  for (const figure of figures) setText(figure.value, (figure.show ?? count)(store[figure.field]));
  setText(byID("store-where"), where(store));
  const [live, word] = state(store);
  byID("store-state").dataset.live = live;
  setText(byID("store-state"), word);
  byID("store-trouble").hidden = !store.trouble;
  setText(byID("store-trouble"), store.trouble ? `since ${clock(new Date(store.trouble_since * 1000))}: ${store.trouble}` : "");
}

// state returns the state for the badge's color (as data-live), and its label.
function state(store) {
  if (!store.reached) return ["lost", "unavailable"];
  if (store.trouble) return ["lost", store.connected ? "in trouble" : "connection lost"];
  return store.live ? ["live", "live"] : ["waiting", "catching up"];
}

function where(store) {
  const words = [store.server, `stream ${store.stream}`];
  if (store.embedded) words.unshift("in this process");
  if (store.replicas > 1) words.push(`${store.replicas} replicas, leader ${store.leader || "unknown"}`);
  if (store.epoch) words.push(`ids ${store.epoch}-…`);
  return words.filter(Boolean).join(" · ");
}
