// The form that publishes a test message.

import { post } from "./api.js";
import { byID } from "./dom.js";
import { clock } from "./format.js";

export function startPublish() {
  const form = byID("publish"), result = byID("published");
  form.addEventListener("submit", async event => {
    event.preventDefault();
    const { namespace, event: name, data } = Object.fromEntries(new FormData(form));
    try {
      // The line breaks of form data are CRLF; the text area itself has LF.
      await post("publish", { namespace: namespace.trim(), event: name.trim(), data: data.replaceAll("\r\n", "\n") });
      result.textContent = `published at ${clock(new Date())}`;
      result.classList.remove("bad");
    } catch (error) {
      result.textContent = error.message;
      result.classList.add("bad");
    }
  });
}
