// The store, where the daemon has one: its state, where it is, and its figures.

import { byID, element, setText } from "./dom.js";
import { bytes, clock, count } from "./format.js";

// Each with a field of status.json's "store".
const figures = [
  { title: "first", field: "first", about: "number of the oldest message in the stream" },
  { title: "last", field: "last", about: "number of the newest message in the stream" },
  { title: "messages", field: "messages", about: "in the stream" },
  { title: "size", field: "bytes", show: bytes, about: "of the messages in the stream" },
  { title: "delivered", field: "delivered", about: "number of the newest message that this node has delivered" },
  { title: "lag", field: "lag", about: "messages that this node has yet to deliver" },
  { title: "unanswered", field: "unanswered", about: "messages of this node's publishers that the stream has not answered" },
  { title: "refused", field: "refused", about: "messages of this node's publishers that the stream did not take, or not in time" },
  { title: "sent again", field: "resent", about: "messages that were sent to the stream again" },
  { title: "duplicates", field: "duplicates", about: "messages that the stream had already, by their key" },
  { title: "undeliverable", field: "undeliverable", about: "messages in the stream that cannot be delivered" },
  { title: "reconnects", field: "reconnects", about: "how often the connection to the store was lost and made again" },
];

// makeStore puts the figures on the page, where they wait for a store.
export function makeStore() {
  for (const figure of figures) {
    figure.value = element("dd", {}, "–");
    byID("store-figures").append(element("div", { title: figure.about }, element("dt", {}, figure.title), figure.value));
  }
}

// showStore takes what status.json tells of the store; undefined: there is none.
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

// state is a color of the header's, and a word.
function state(store) {
  if (!store.reached) return ["lost", "not reached"];
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
