// The daemon's live stream: the samples of the last ten minutes, and then a new sample every second.

const windowMs = 600_000;
const retryMs = 5_000;

// watchLive keeps the samples of the last ten minutes. After each new sample it calls
// changed(samples), with the oldest sample first. When the state of the connection changes, it calls
// stateChanged("waiting", "live" or "lost").
export function watchLive(changed, stateChanged) {
  let samples = [], source, timer;

  function open() {
    clearTimeout(timer);
    source?.close();
    source = new EventSource("live");
    source.addEventListener("open", () => stateChanged("live"));
    source.addEventListener("history", event => take(JSON.parse(event.data)));
    source.addEventListener("sample", event => take([...samples, JSON.parse(event.data)]));
    source.addEventListener("error", () => {
      stateChanged("lost");
      // After any status other than 200 an EventSource does not reconnect. A proxy may send such a
      // status while the daemon starts.
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, retryMs);
    });
  }

  function take(list) {
    const since = (list.at(-1)?.t ?? 0) - windowMs;
    samples = list.filter(sample => sample.t > since);
    if (samples.length > 0) changed(samples);
  }

  // A hidden page closes its connection, because browsers open at most six connections to a host for
  // all tabs together. When the page is visible again, the stream's history fills the gap.
  function follow() {
    if (!document.hidden) return open();
    clearTimeout(timer);
    source?.close();
    stateChanged("waiting");
  }

  document.addEventListener("visibilitychange", follow);
  follow();
}

// before returns the newest sample that is at least ageMs old, or the oldest sample.
export function before(samples, ageMs) {
  const then = samples.at(-1).t - ageMs;
  return samples.findLast(sample => sample.t <= then) ?? samples[0];
}
