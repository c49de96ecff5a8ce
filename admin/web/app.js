// The admin page: this file starts its parts and wires them together.

import { getJSON } from "./api.js";
import { drawCharts, makeCharts } from "./charts.js";
import { connectionsQuery, failConnections, showConnections, showConnectionsIn, startConnections } from "./connections.js";
import { byID, setText } from "./dom.js";
import { makeEndings, showEndings } from "./endings.js";
import { makeFigures, showSample, showStatus } from "./figures.js";
import { watchLive } from "./live.js";
import { setSubscribe, startPane } from "./pane.js";
import { repeat } from "./poll.js";
import { startPublish } from "./publish.js";
import { makeStore, showStore } from "./store.js";
import { startTree } from "./treeview.js";

const statusMs = 2_000;
const liveWords = { waiting: "connecting", live: "live", lost: "reconnecting" };

const troubles = new Map(); // what each poll has run into

// trouble shows what a poll has run into, or with null that it works again.
function trouble(poll, error) {
  troubles.set(poll, error && (error.status === 401 || error.status === 403 ? `${error.message} (reload this page to sign in)` : error.message));
  const words = [...new Set(troubles.values())].filter(Boolean).join("; ");
  byID("trouble").hidden = !words;
  setText(byID("trouble"), words);
}

// poll asks for the figures and the page of connections in one question.
async function poll() {
  try {
    const status = await getJSON("status.json", connectionsQuery());
    showStatus(status);
    showStore(status.store);
    showConnections(status);
    setSubscribe(status.subscribe_url, status.subscribe_needs_token);
    trouble("status", null);
  } catch (error) {
    if (error.status === 400) failConnections(error); // the filter is no namespace
    else trouble("status", error);
  }
}

function showLive(samples) {
  drawCharts(samples);
  showEndings(samples);
  showSample(samples.at(-1));
}

makeFigures();
makeStore();
makeCharts();
makeEndings();
startPublish();
startPane();
startConnections(repeat(poll, statusMs));
startTree(showConnectionsIn, error => trouble("namespaces", error));
watchLive(showLive, state => {
  byID("live").dataset.live = state;
  setText(byID("live"), liveWords[state]);
});
