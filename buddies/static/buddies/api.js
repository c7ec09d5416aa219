// The workspace's requests to the server; edits run one after the other.
//
// The server is the source of truth: `state` is its answer to the last request.

import { read, urls, words } from "./page.js";

const csrf = document.querySelector("[name=csrfmiddlewaretoken]").value;

export let state = read("state");
export let edits = Promise.resolve(); // a chain, each edit on the version before
let tag = ""; // the ETag of `state`

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

/** Returns why something was refused, and that the tree is reloaded. */
export function standing(reason) {
  return `${reason} ${words.reloaded}`;
}

export function isOffline(error) {
  return error instanceof TypeError; // thrown by fetch without a response
}

/** Runs a step after the edits before it; later ones wait for it. */
export function inTurn(step, failed) {
  edits = edits.then(step).catch(failed);
  return edits;
}

/** Fetches the state; returns whether it has changed. */
export async function askState() {
  const answer = await fetch(urls.state, { headers: { "If-None-Match": tag } });
  if (answer.redirected) throw new Error(words.loggedOut);
  if (answer.status === 304) return false;
  if (!answer.ok) throw new Error(words.offline);
  tag = answer.headers.get("ETag") ?? "";
  state = await answer.json();
  return true;
}

/** Makes the next answer count as a change, whatever it is. */
export function forgetState() {
  tag = "";
}
