// What the workspace asks of the server, and sends to it, one after the other.
//
// The server is the truth: `state` is how things stood when it was last asked.

import { read, urls, words } from "./page.js";

const csrf = document.querySelector("[name=csrfmiddlewaretoken]").value;

export let state = read("state");
export let edits = Promise.resolve(); // one after the other, each on the version before
let tag = ""; // of that state

export async function get(address) {
  const answer = await fetch(address, { headers: { Accept: "application/json" } });
  if (answer.redirected) throw new Error(words.loggedOut);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error ?? words.offline);
  return body;
}

export async function post(address, body) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": csrf },
    body: JSON.stringify(body),
  });
  const isJson = answer.headers.get("Content-Type")?.includes("json");
  if (answer.redirected || !isJson) throw new Error(words.loggedOut);
  const result = await answer.json();
  if (!answer.ok) throw new Error(answer.status === 409 ? standing(result.error) : result.error);
  return result;
}

/** Why something was refused, and that the tree is drawn anew. */
export function standing(reason) {
  return `${reason} ${words.reloaded}`;
}

export function isOffline(error) {
  return error instanceof TypeError; // fetch says so when nobody answers
}

/** Does a step after the edits before it; the ones that follow wait for it. */
export function inTurn(step, failed) {
  edits = edits.then(step).catch(failed);
  return edits;
}

/** Asks how things stand; returns whether that has changed. */
export async function askState() {
  const answer = await fetch(urls.state, { headers: { "If-None-Match": tag } });
  if (answer.redirected) throw new Error(words.loggedOut);
  if (answer.status === 304) return false;
  if (!answer.ok) throw new Error(words.offline);
  tag = answer.headers.get("ETag") ?? "";
  state = await answer.json();
  return true;
}

/** From here on the next answer counts as a change, whatever it is. */
export function forgetState() {
  tag = "";
}
