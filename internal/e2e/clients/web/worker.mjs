// This script runs in a worker or in a shared worker.
import { watch } from "./watch.mjs";
import { post } from "./post.mjs";

const query = new URLSearchParams(self.location.search);
const report = post(self.location.origin);
report({ kind: "start" });
self.onconnect = () => report({ kind: "connect" }); // in a shared worker: another page uses it
watch(EventSource, query.get("url"), query.getAll("name"), report);
