// repeat runs an asynchronous task again and again while the page can be seen, and
// returns a function that runs it at once. Between two runs it waits pauseMs, or
// ten times what the last run took if that is longer: however many connections there are
// to list, listing them is a small part of what the daemon does.
export function repeat(task, pauseMs) {
  let timer, running = false, again = false;
  async function run() {
    clearTimeout(timer);
    if (running) {
      again = true; // what is under way was asked before
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
