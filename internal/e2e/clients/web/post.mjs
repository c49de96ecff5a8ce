// post returns a report function that sends what it is given to the server that
// the page came from. One request is on its way at a time, so reports arrive in
// the order in which they were made.
export function post(origin) {
  const waiting = [];
  let sending = false;
  const send = async () => {
    sending = true;
    while (waiting.length > 0) {
      await fetch(origin + "/report", { method: "POST", body: JSON.stringify(waiting.splice(0)) });
    }
    sending = false;
  };
  return (report) => {
    waiting.push(report);
    if (!sending) send();
  };
}
