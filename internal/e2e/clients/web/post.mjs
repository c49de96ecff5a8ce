// post returns a function that sends reports to the server at origin. Only one request is in flight
// at a time, so that reports arrive in order.
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
