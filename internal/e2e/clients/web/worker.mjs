import { watch } from "./watch.mjs";
import { post } from "./post.mjs";

const query = new URLSearchParams(self.location.search);
watch(EventSource, query.get("url"), query.getAll("name"), post(self.location.origin));
