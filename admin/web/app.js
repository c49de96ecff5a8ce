// The admin page. This file starts its parts and connects them.

import { getJSON } from "./api.js";
import { drawCharts, makeCharts } from "./charts.js";
import { connectionsQuery, failConnections, showConnections, showConnectionsIn, startConnections } from "./connections.js";
import { byID, setText } from "./dom.js";
import { makeEndings, showEndings } from "./endings.js";
import { makeFigures, showSample, showStatus } from "./figures.js";
import { watchLive } from "./live.js";
import { showLoops } from "./loops.js";
import { setSubscribe, startPane } from "./pane.js";
import { repeat } from "./poll.js";
import { startPublish } from "./publish.js";
import { makeStore, showStore } from "./store.js";
import { startTree } from "./treeview.js";

const statusMs = 2_000;
const liveWords = { waiting: "connecting", live: "live", lost: "reconnecting" };

const troubles = new Map(); // the current error of each poll, or null

// trouble shows the error of a poll, or removes it if error is null.
function trouble(poll, error) {
  troubles.set(poll, error && (error.status === 401 || error.status === 403 ? `${error.message} (reload this page to sign in)` : error.message));
  const words = [...new Set(troubles.values())].filter(Boolean).join("; ");
  byID("trouble").hidden = !words;
  setText(byID("trouble"), words);
}

// poll requests the figures and the current page of connections in one request.
async function poll() {
  try {
    const status = await getJSON("status.json", connectionsQuery());
    showStatus(status);
    showStore(status.store);
    showLoops(status);
    showConnections(status);
    setSubscribe(status.subscribe_url, status.subscribe_needs_token);
    trouble("status", null);
  } catch (error) {
    if (error.status === 400) failConnections(error); // the filter is not a valid namespace
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
