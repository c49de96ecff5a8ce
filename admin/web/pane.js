// The pane that subscribes, and shows what arrives.

import { byID, element, setText } from "./dom.js";
import { clock, compact, count } from "./format.js";
import { listen } from "./sse.js";

const linesMax = 500;
const dataShown = 2_000; // of one message, in characters

let subscribeURL = "", stop = null;
let waiting = []; // arrived, and not yet on the page
let arrived = 0, paused = false, drawing = false;

// startPane makes its controls work.
export function startPane() {
  byID("listen").addEventListener("submit", event => {
    event.preventDefault();
    stop ? end("") : begin();
  });
  byID("listen-pause").addEventListener("click", pause);
  byID("listen-clear").addEventListener("click", clear);
}

// setSubscribe tells where to subscribe, and whether that needs a token. There is no
// URL where only a unix socket is.
export function setSubscribe(url, needsToken) {
  subscribeURL = url;
  byID("listen-start").disabled = !url;
  byID("token").hidden = !needsToken;
}

function begin() {
  const { namespace, token } = Object.fromEntries(new FormData(byID("listen")));
  const names = namespace.trim().split(/\s+/);
  const aborted = new AbortController();
  stop = () => aborted.abort();
  setText(byID("listen-start"), "Stop");
  byID("listen-pause").disabled = false;
  say("connecting");
  const asked = names.join(" ");
  listen(urlOf(names, token), {
    open: () => say(`listening to ${asked}`, true),
    event: event => take({ ...event, asked, at: new Date() }),
    lost: ms => say(`lost, trying again in ${compact(ms / 1000)} s`),
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

// urlOf subscribes to one namespace by its path, to several by their set.
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
  setText(byID("listen-pause"), paused ? "Go on" : "Pause");
  draw();
}

function clear() {
  waiting = [];
  arrived = 0;
  byID("heard").replaceChildren();
}

// take keeps the last lines only, and puts them on the page at most once a frame: more
// may arrive than anybody, or any browser, can follow.
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
  if (atEnd) heard.scrollTop = heard.scrollHeight; // who has scrolled up reads
  heard.title = `${count(arrived)} arrived`;
}

function line({ at, asked, event, id, data }) {
  const part = (className, text) => element("span", { className }, text);
  return element("div", { className: "line" },
    part("at", clock(at)), " ", part("asked", asked), " ", part("event", event), " ",
    ...(id ? [part("id", id), " "] : []), part("data", cut(data)));
}

const cut = data => (data.length <= dataShown ? data : `${data.slice(0, dataShown)}… (${count(data.length)} characters)`);
