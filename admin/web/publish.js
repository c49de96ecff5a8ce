// The box that publishes a test message.

import { post } from "./api.js";
import { byID } from "./dom.js";
import { clock } from "./format.js";

export function startPublish() {
  const form = byID("publish"), told = byID("published");
  form.addEventListener("submit", async event => {
    event.preventDefault();
    const { namespace, event: name, data } = Object.fromEntries(new FormData(form));
    try {
      // A form's line breaks are CRLF; what was typed has LF.
      await post("publish", { namespace: namespace.trim(), event: name.trim(), data: data.replaceAll("\r\n", "\n") });
      told.textContent = `published at ${clock(new Date())}`;
      told.classList.remove("bad");
    } catch (error) {
      told.textContent = error.message;
      told.classList.add("bad");
    }
  });
}
