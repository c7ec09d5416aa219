// The Channels workspace: starts the tree, the banner and the panel, and listens.

import { enqueue, state } from "./api.js";
import { drawBanner, refresh } from "./banner.js";
import { listenToTouch } from "./drag.js";
import { firstKept } from "./drafts.js";
import { edit, undo } from "./edits.js";
import { isStuck, save } from "./editor.js";
import { listenToSearch } from "./find.js";
import { build, groupForNew } from "./grid.js";
import { showMenu, walkMenu } from "./menu.js";
import { byId, narrow, words } from "./page.js";
import { closeEntry, hidePanel, openEntry, openNewEntry, show, showPanel, tab } from "./panel.js";
import { dropOnRows } from "./pictures.js";
import { listenToBar } from "./selection.js";
import { tabs } from "./tabs.js";
import { endDrag, followSoon, keyOfRow, remember, start, tree } from "./tree.js";

const POLL_MILLISECONDS = 2000;

function listen() {
  listenToSearch();
  listenToBar();
  listenToTouch(byId("tree"));
  byId("expand").addEventListener("click", () => tree.expandAll(true).then(remember));
  byId("collapse").addEventListener("click", () => tree.expandAll(false).then(remember));
  byId("menu").addEventListener("keydown", walkMenu);
  byId("menu").addEventListener("toggle", followSoon);
  byId("dialog").addEventListener("close", followSoon);
  document.addEventListener("dragend", endDrag);
  // If the dragged row was scrolled away, neither it nor the page gets a dragend.
  document.addEventListener("pointermove", (event) => event.buttons || endDrag());
  byId("undo")?.addEventListener("click", () => undo(state.undo.version));
  narrow.addEventListener("change", () => location.reload());
  listenToPanel();
}

function listenToPanel() {
  const adds = { "add-channel": "channel", "add-group": "group", "add-first": "group", "add-first-channel": "channel" };
  for (const [id, type] of Object.entries(adds)) {
    byId(id)?.addEventListener("click", () => addEntry(type));
  }
  byId("load-example")?.addEventListener("click", () => edit("example", {}));
  byId("add")?.addEventListener("click", ({ currentTarget }) => chooseNew(currentTarget));
  byId("panel").addEventListener("click", (event) => {
    if (event.target.closest(".editor .back")) closeEntry();
  });
  document.querySelector(".aside").addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeEntry();
  });
  byId("show-preview").addEventListener("click", showPanel);
  byId("hide-preview").addEventListener("click", () => closeEntry().then(hidePanel));
  dropOnRows(byId("tree"), keyOfRow);
  document.addEventListener("visibilitychange", () => save());
  window.addEventListener("beforeunload", (event) => {
    save();
    if (isStuck()) event.preventDefault();
  });
}

function chooseNew(pressed) {
  const types = ["channel", "group"];
  showMenu(types.map((type) => [words[type], true, () => addEntry(type)]), pressed);
}

function addEntry(type) {
  openNewEntry(type, groupForNew());
}

async function poll() {
  if (document.visibilityState === "visible") await enqueue(refresh);
  setTimeout(poll, POLL_MILLISECONDS);
}

listen();
drawBanner();
const choose = tabs(document.querySelector("[role=tablist]"), show);
await Promise.all([start(build), choose(byId(`tab-${tab}`))]);
const unsaved = firstKept();
if (unsaved) await openEntry(unsaved);
document.body.dataset.ready = "true";
setTimeout(poll, POLL_MILLISECONDS);
