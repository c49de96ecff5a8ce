// The pane that subscribes to namespaces and shows the received events.

import { byID, element, setText } from "./dom.js";
import { clock, compact, count } from "./format.js";
import { listen } from "./sse.js";

const linesMax = 500;
const dataShown = 2_000; // the longest data that is shown, in characters

let subscribeURL = "", stop = null;
let waiting = []; // received events that are not on the page yet
let arrived = 0, paused = false, drawing = false;

// startPane activates the controls of the pane.
export function startPane() {
  byID("listen").addEventListener("submit", event => {
    event.preventDefault();
    stop ? end("") : begin();
  });
  byID("listen-pause").addEventListener("click", pause);
  byID("listen-clear").addEventListener("click", clear);
}

// setSubscribe sets the URL for subscriptions, and whether they require a token. The URL is empty if
// the daemon listens only on unix sockets.
export function setSubscribe(url, needsToken) {
  subscribeURL = url;
  byID("listen-start").disabled = !url;
  byID("token").hidden = !needsToken;
}

function begin() {
  const { namespace, token } = Object.fromEntries(new FormData(byID("listen")));
  const names = namespace.trim().split(/\s+/);
  const unrooted = names.find(name => !name.startsWith("/")); // its URL would be that of another page
  if (unrooted !== undefined) return say(`namespace ${JSON.stringify(unrooted)} must start with "/"`);
  const aborted = new AbortController();
  stop = () => aborted.abort();
  setText(byID("listen-start"), "Stop");
  byID("listen-pause").disabled = false;
  say("connecting");
  const asked = names.join(" ");
  listen(urlOf(names, token), {
    open: () => say(`subscribed to ${asked}`, true),
    event: event => take({ ...event, asked, at: new Date() }),
    lost: ms => say(`connection lost, next attempt in ${compact(ms / 1000)} s`),
    refused: words => end(`refused: ${words}`),
  }, aborted.signal).catch(error => end(error.message));
}

function end(words) {
  stop?.();
  stop = null;
  setText(byID("listen-start"), "Subscribe");
  byID("listen-pause").disabled = true;
  if (paused) pause();
  say(words);
}

// urlOf returns the URL to subscribe to: one namespace is in its path, several are in its query.
function urlOf(names, token) {
  const url = new URL(subscribeURL, location.href);
  if (names.length === 1) url.pathname += names[0].split("/").map(encodeURIComponent).join("/");
  else names.forEach(name => url.searchParams.append("ns", name));
  if (token) url.searchParams.set("token", token);
  return url;
}

function say(words, live = false) {
  const state = byID("listen-state");
  setText(state, words);
  state.classList.toggle("good", live);
}

function pause() {
  paused = !paused;
  byID("listen-pause").ariaPressed = String(paused);
  setText(byID("listen-pause"), paused ? "Resume" : "Pause");
  draw();
}

function clear() {
  waiting = [];
  arrived = 0;
  byID("heard").replaceChildren();
}

// take adds an event to the pane. It keeps only the last lines, and draws them at most every 50 ms,
// because more events may arrive than a person or a browser can follow.
function take(event) {
  arrived++;
  waiting.push(event);
  if (waiting.length > 2 * linesMax) waiting = waiting.slice(-linesMax);
  if (paused || drawing) return;
  drawing = true;
  setTimeout(draw, 50);
}

function draw() {
  drawing = false;
  if (paused || waiting.length === 0) return;
  const heard = byID("heard");
  const atEnd = heard.scrollTop + heard.clientHeight >= heard.scrollHeight - 20;
  heard.append(...waiting.slice(-linesMax).map(line));
  waiting = [];
  while (heard.children.length > linesMax) heard.firstElementChild.remove();
  if (atEnd) heard.scrollTop = heard.scrollHeight; // not if the user has scrolled up to read
  heard.title = `${count(arrived)} events received`;
}

function line({ at, asked, event, id, data }) {
  const part = (className, text) => element("span", { className }, text);
  return element("div", { className: "line" },
    part("at", clock(at)), " ", part("asked", asked), " ", part("event", event), " ",
    ...(id ? [part("id", id), " "] : []), part("data", cut(data)));
}

const cut = data => (data.length <= dataShown ? data : `${data.slice(0, dataShown)}… (${count(data.length)} characters)`);
