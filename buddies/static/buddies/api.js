// The workspace's requests to the server; edits run one after the other.
//
// The server is the source of truth: `state` is its response to the last request.

import { read, urls, words } from "./page.js";

const csrf = document.querySelector("[name=csrfmiddlewaretoken]").value;

export let state = read("state");
export let edits = Promise.resolve(); // a chain, each edit on the version before
let tag = ""; // the ETag of `state`

export async function get(address) {
  const response = await fetch(address, { headers: { Accept: "application/json" } });
  if (response.redirected) throw new Error(words.loggedOut);
  const body = await response.json();
  if (!response.ok) throw refusal(response, body.error ?? words.offline);
  return body;
}

const MAX_KEPT_ALIVE = 60_000; // bytes of a request that may outlive its page

/** Sends an object, or a form with a file. */
export async function post(address, body) {
  const isForm = body instanceof FormData;
  const text = isForm ? "" : JSON.stringify(body);
  const type = isForm ? {} : { "Content-Type": "application/json" };
  const response = await fetch(address, {
    method: "POST",
    headers: { Accept: "application/json", ...type, "X-CSRFToken": csrf },
    body: isForm ? body : text,
    // A text that is saved by leaving the page.
    keepalive: !isForm && text.length * 3 < MAX_KEPT_ALIVE,
  });
  const isJson = response.headers.get("Content-Type")?.includes("json");
  if (response.redirected || !isJson) throw new Error(words.loggedOut);
  const result = await response.json();
  if (!response.ok) throw refusal(response, result.error);
  return result;
}

function refusal({ status }, reason) {
  return Object.assign(new Error(reason), { isConflict: status === 409 });
}

/** Returns why something was refused, and that the tree is reloaded. */
export function withReload(reason) {
  return `${reason} ${words.reloaded}`;
}

export function isOffline(error) {
  return error instanceof TypeError; // thrown by fetch without a response
}

/** Runs a step after the edits before it; later ones wait for it, even if it fails. */
export function enqueue(step, failed = console.error) {
  edits = edits.then(step).catch(failed);
  return edits;
}

/** Fetches the state; returns whether it has changed. */
export async function fetchState() {
  const response = await fetch(urls.state, { headers: { "If-None-Match": tag } });
  if (response.redirected) throw new Error(words.loggedOut);
  if (response.status === 304) return false;
  if (!response.ok) throw new Error(words.offline);
  tag = response.headers.get("ETag") ?? "";
  state = await response.json();
  return true;
}

/** Makes the next response count as a change, whatever it is. */
export function forgetState() {
  tag = "";
}
