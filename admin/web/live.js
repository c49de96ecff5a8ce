// The daemon's live stream: what it measured in the last ten minutes, then a sample
// each second.

const windowMs = 600_000;
const retryMs = 5_000;

// watchLive keeps the samples of the last ten minutes. It calls changed(samples),
// oldest first, after each, and tells told(state): "waiting", "live" or "lost".
export function watchLive(changed, told) {
  let samples = [], source, timer;

  function open() {
    clearTimeout(timer);
    source?.close();
    source = new EventSource("live");
    source.addEventListener("open", () => told("live"));
    source.addEventListener("history", event => take(JSON.parse(event.data)));
    source.addEventListener("sample", event => take([...samples, JSON.parse(event.data)]));
    source.addEventListener("error", () => {
      told("lost");
      // After any status but 200 an EventSource stays closed. The daemon may be on
      // its way up behind a proxy.
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, retryMs);
    });
  }

  function take(list) {
    const since = (list.at(-1)?.t ?? 0) - windowMs;
    samples = list.filter(sample => sample.t > since);
    if (samples.length > 0) changed(samples);
  }

  // A page that nobody sees gives its connection back: browsers open six to a host
  // for all of their tabs. The stream's history fills the gap later.
  function follow() {
    if (!document.hidden) return open();
    clearTimeout(timer);
    source?.close();
    told("waiting");
  }

  document.addEventListener("visibilitychange", follow);
  follow();
}

// before returns the youngest sample that is at least so old, or the oldest.
export function before(samples, ageMs) {
  const then = samples.at(-1).t - ageMs;
  return samples.findLast(sample => sample.t <= then) ?? samples[0];
}
