// The banner shows the state and refreshes it; the toast says what was just done.

import { fetchState, forgetState, isOffline, state } from "./api.js";
import { redraw } from "./editor.js";
import { showLines, whereLine } from "./entry.js";
import { byId, may, words } from "./page.js";
import { drawPanel, drawn } from "./panel.js";
import { button, element } from "./preview.js";
import { redrawStates } from "./row.js";
import { follow } from "./tree.js";

const TOAST_MILLISECONDS = 15000;

let hideTimer;

/** Fetches the state; draws what has changed. */
export async function refresh() {
  try {
    if (await fetchState()) await drawState();
    else if (byId("banner").dataset.tone === "offline") drawBanner();
    await follow();
  } catch (error) {
    forgetState();
    if (error.message === words.loggedOut) drawLoggedOut();
    else drawProblem(isOffline(error) ? words.offline : error.message);
  }
}

async function drawState() {
  const isNew = state.stamp !== drawn.stamp || state.live !== drawn.live;
  drawBanner();
  await follow();
  if (isNew) await drawPanel();
}

export function drawBanner() {
  byId("banner").dataset.tone = state.tone;
  byId("headline").textContent = state.headline;
  byId("live").textContent = state.live;
  setText("problem", state.problem);
  const size = byId("size");
  size.max = state.size.limit;
  size.value = state.size.bytes;
  size.dataset.level = state.size.level;
  byId("size-words").textContent = state.size.words;
  const count = byId("count");
  count.hidden = !state.changes;
  count.textContent = state.changes;
  shown?.();
  redrawStates();
  redraw();
  drawActions();
}

function drawActions() {
  const retry = byId("retry");
  const undo = byId("undo");
  if (retry) retry.hidden = !state.problem;
  drawDecisions();
  if (!undo) return;
  undo.hidden = !state.undo;
  undo.title = state.undo?.words ?? "";
  undo.replaceChildren(element("span", "", undo.title));
}

function drawDecisions() {
  const link = byId("decisions");
  if (!link) return;
  link.hidden = !state.decisions;
  byId("decision-count").textContent = state.decisions;
}

function setText(id, text) {
  const place = byId(id);
  if (place.textContent !== text) place.textContent = text;
  place.hidden = !text;
}

function drawProblem(text) {
  byId("banner").dataset.tone = "offline";
  setText("problem", text);
}

function drawLoggedOut() {
  drawProblem(words.loggedOut);
  const headline = byId("headline");
  if (headline.querySelector("a")) return; // it may have the focus
  const login = element("a", "", words.logIn);
  login.href = location.pathname + location.search; // it leads to the login, and back
  headline.replaceChildren(words.loggedOutShort, " · ", login);
}

// --- The toast -----------------------------------------------------------------

let shown; // draws in the toast where the edit went

/** Says what was done and where it went, and offers to undo it with `onUndo`. */
export function toast(text, onUndo = null, done = null) {
  const box = byId("toast");
  const lines = element("span", "toast-words");
  lines.append(element("span", "", text));
  shown = () => {
    const key = done.entries.length === 1 ? done.entries[0].key : null;
    const line = whereLine(done.place, key, done.version);
    showLines(lines, [lines.firstChild, line]);
  };
  if (done?.place?.words) shown();
  else shown = null;
  box.replaceChildren(lines);
  if (onUndo && may.change) {
    const undo = button("button", words.undo);
    undo.addEventListener("click", onUndo);
    box.append(undo);
  }
  box.classList.add("shown");
  clearTimeout(hideTimer);
  hideTimer = setTimeout(() => box.classList.remove("shown"), TOAST_MILLISECONDS);
}
