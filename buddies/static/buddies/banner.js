// The banner shows the state and refreshes it; the toast says what was just done.

import { askState, forgetState, isOffline, state } from "./api.js";
import { byId, may, words } from "./page.js";
import { drawPanel, drawn } from "./panel.js";
import { button, element } from "./preview.js";
import { follow } from "./tree.js";

const TOAST_MS = 15000;

let hiding;

/** Fetches the state; draws what has changed. */
export async function refresh() {
  try {
    if (await askState()) await take();
    else if (byId("banner").dataset.tone === "offline") drawBanner();
    await follow();
  } catch (error) {
    forgetState();
    if (error.message === words.loggedOut) drawLoggedOut();
    else drawProblem(isOffline(error) ? words.offline : error.message);
  }
}

async function take() {
  const isNew = state.version !== drawn.version || state.live !== drawn.live;
  drawBanner();
  await follow();
  if (isNew) await drawPanel();
}

export function drawBanner() {
  byId("banner").dataset.tone = state.tone;
  byId("headline").textContent = state.headline;
  byId("live").textContent = state.live;
  say("held", state.held);
  say("problem", state.problem);
  byId("planned").replaceChildren(...state.planned.map((plan) => element("li", "", plan)));
  const size = byId("size");
  size.max = state.size.limit;
  size.value = state.size.bytes;
  size.dataset.level = state.size.level;
  byId("size-words").textContent = state.size.words;
  const count = byId("count");
  count.hidden = !state.changes;
  count.textContent = state.changes;
  drawActions();
}

function drawActions() {
  const retry = byId("retry");
  const undo = byId("undo");
  if (retry) retry.hidden = !state.problem;
  drawHold();
  if (!undo) return;
  undo.hidden = !state.undo;
  undo.title = state.undo?.words ?? "";
  undo.replaceChildren(element("span", "", undo.title));
}

function drawHold() {
  for (const one of document.querySelectorAll("[data-held]")) {
    one.hidden = (one.dataset.held === "yes") !== Boolean(state.held);
  }
  const end = byId("end-hold");
  if (end) end.elements.held.value = state.held_at;
}

function say(id, text) {
  const place = byId(id);
  if (place.textContent !== text) place.textContent = text;
  place.hidden = !text;
}

function drawProblem(text) {
  byId("banner").dataset.tone = "offline";
  say("problem", text);
}

function drawLoggedOut() {
  drawProblem(words.loggedOut);
  const headline = byId("headline");
  if (headline.querySelector("a")) return; // it may have the focus
  const again = element("a", "", words.logIn);
  again.href = location.pathname; // it leads to the login, and back
  headline.replaceChildren(words.loggedOutShort, " · ", again);
}

// --- The toast -----------------------------------------------------------------

/** Says what was done, and offers to undo it with `takeBack`. */
export function toast(text, takeBack = null) {
  const shown = byId("toast");
  shown.replaceChildren(element("span", "", text));
  if (takeBack && may.change) {
    const back = button("button", words.undo);
    back.addEventListener("click", takeBack);
    shown.append(back);
  }
  shown.classList.add("shown");
  clearTimeout(hiding);
  hiding = setTimeout(() => shown.classList.remove("shown"), TOAST_MS);
}
