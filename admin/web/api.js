// Requests to the daemon, and its error messages.

// A Refusal is the error for a response with an error status. Its message comes from the daemon.
export class Refusal extends Error {
  constructor(status, words) {
    super(words);
    this.status = status;
  }
}

export async function getJSON(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value !== undefined);
  const search = new URLSearchParams(given).toString();
  return (await ask(search ? `${path}?${search}` : path)).json();
}

// post sends fields in the encoding of a form. It does not read the body of the response.
export const post = (path, fields) => ask(path, { method: "POST", body: new URLSearchParams(fields) });

async function ask(url, options) {
  let answer;
  try {
    answer = await fetch(url, { cache: "no-store", ...options });
  } catch {
    throw new Refusal(0, "the daemon does not answer");
  }
  if (!answer.ok) throw new Refusal(answer.status, await wordsOf(answer));
  return answer;
}

async function wordsOf(answer) {
  const text = await answer.text().catch(() => "");
  try {
    return JSON.parse(text).error;
  } catch {
    return text.trim() || `${answer.status} ${answer.statusText}`;
  }
}
