// A client for Server-Sent Events that receives events with any name. An EventSource only receives
// events whose names are known in advance.

// A Parser parses text in pieces of any size, and calls dispatch({event, data, id}) for each event,
// as specified in HTML section 9.2.6. retryMs is the last value that the server has sent.
export class Parser {
  retryMs = null;
  #rest = "";
  #afterCR = false; // the last line ended with CR: a LF that follows belongs to the same line end
  #event = "";
  #data = [];
  #id = "";
  #dispatch;

  constructor(dispatch) {
    this.#dispatch = dispatch;
  }

  // feed parses the next piece. It searches only the new text for line ends, because a long line
  // may arrive in many pieces.
  feed(text) {
    if (this.#afterCR && text.startsWith("\n")) text = text.slice(1);
    else if (text === "") return;
    this.#afterCR = text === "" ? false : text.endsWith("\r");
    const lines = text.split(/\r\n|\n|\r/);
    lines[0] = this.#rest + lines[0];
    this.#rest = lines.pop();
    lines.forEach(line => this.#line(line));
  }

  #line(line) {
    if (line === "") return this.#end();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#event = value;
    else if (field === "data") this.#data.push(value);
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "retry" && /^[0-9]+$/.test(value)) this.retryMs = Number(value);
  }

  #end() {
    if (this.#data.length > 0) {
      this.#dispatch({ event: this.#event || "message", data: this.#data.join("\n"), id: this.#id });
    }
    this.#event = "";
    this.#data = [];
  }
}

const retryMs = 3_000;

// listen subscribes to a URL until signal aborts. When the stream ends, it subscribes again, after the
// last id if there was one. The id is sent in the query, because a custom header would require a
// preflight request if the pages have a separate address.
//
// It calls on.open(), on.event(event), on.lost(milliseconds until the next attempt) and
// on.refused(message). After a refusal it stops.
export async function listen(url, on, signal) {
  const state = { retryMs: null, id: "" };
  const heard = event => {
    state.id = event.id || state.id;
    on.event(event);
  };
  while (!signal.aborted) {
    if (state.id) url.searchParams.set("last_event_id", state.id);
    try {
      const answer = await fetch(url, { headers: { Accept: "text/event-stream" }, cache: "no-store", signal });
      if (!answer.ok) return on.refused((await answer.text()).trim() || `${answer.status}`);
      on.open();
      await read(answer.body, heard, state);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof TypeError)) throw error; // not the network
    }
    if (signal.aborted) return;
    const pause = state.retryMs ?? retryMs;
    on.lost(pause);
    await sleep(pause, signal);
  }
}

// read reads one stream to its end. Each stream has a new parser. Otherwise an incomplete event at the
// end of one stream would become the beginning of the next one.
async function read(body, heard, state) {
  const parser = new Parser(heard);
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (let part; !(part = await reader.read()).done;) {
      parser.feed(part.value);
      state.retryMs = parser.retryMs ?? state.retryMs;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

const sleep = (ms, signal) => new Promise(resolve => {
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    resolve();
  }, { once: true });
});
