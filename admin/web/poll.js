// repeat runs an asynchronous task repeatedly while the page is visible, and returns a function that
// runs it immediately. Between two runs it waits for pauseMs, or for ten times the duration of the
// last run if that is longer. So even a very long list of connections causes only a small part of the
// daemon's work.
export function repeat(task, pauseMs) {
  let timer, running = false, again = false;
  async function run() {
    clearTimeout(timer);
    if (running) {
      again = true; // the current run began before this call, so its result may be too old
      return;
    }
    running = true;
    const begin = performance.now();
    await task();
    const took = performance.now() - begin;
    running = false;
    if (again) {
      again = false;
      run();
    } else if (!document.hidden) {
      timer = setTimeout(run, Math.max(pauseMs, 10 * took));
    }
  }
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : run()));
  run();
  return run;
}
