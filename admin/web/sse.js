// A client of Server-Sent Events that hears every event, whatever its name: an
// EventSource must be told each name before.

// A Parser takes text in any pieces, and calls dispatch({event, data, id}) for each
// event, as HTML section 9.2.6 has it. retryMs is what the server asked for last.
export class Parser {
  retryMs = null;
  #rest = "";
  #afterCR = false; // a LF that comes next belongs to the line that has ended
  #event = "";
  #data = [];
  #id = "";
  #dispatch;

  constructor(dispatch) {
    this.#dispatch = dispatch;
  }

  // feed looks for line ends in what is new alone: a long line comes in many pieces.
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

// listen subscribes to a URL, and again when the stream ends, until signal aborts: from
// the last id on, if there are any. The id goes into the query, since a header of ours
// would take a preflight where the pages have an address of their own.
// on.open(), on.event(event), on.lost(ms until it tries again) and on.refused(words)
// tell what happens; after a refusal it gives up.
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

// read reads one stream to its end. Each begins with a parser of its own, or half an
// event of the last would be the beginning of the next.
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
