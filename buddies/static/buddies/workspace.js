// The Channels workspace: starts the tree, the banner and the panel, and listens.

import { enqueue, state } from "./api.js";
import { drawBanner, refresh } from "./banner.js";
import { undo } from "./edits.js";
import { build } from "./grid.js";
import { walkMenu } from "./menu.js";
import { byId, narrow } from "./page.js";
import { show, tab } from "./panel.js";
import { tabs } from "./tabs.js";
import { endDrag, followSoon, remember, search, start, tree } from "./tree.js";

const POLL_MILLISECONDS = 2000;

function listen() {
  byId("search").addEventListener("input", search);
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
}

async function poll() {
  if (document.visibilityState === "visible") await enqueue(refresh);
  setTimeout(poll, POLL_MILLISECONDS);
}

listen();
drawBanner();
const choose = tabs(document.querySelector("[role=tablist]"), show);
await Promise.all([start(build), choose(byId(`tab-${tab}`))]);
document.body.dataset.ready = "true";
setTimeout(poll, POLL_MILLISECONDS);
