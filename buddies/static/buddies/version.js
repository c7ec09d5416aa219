// The page of a version, or of a review: its previews.

import { draw } from "./preview.js";
import { tabs } from "./tabs.js";

const { document: read, words } = JSON.parse(document.getElementById("version").textContent);
const panel = document.getElementById("panel");
const json = document.getElementById("json"); // not of a campaign

const choose = tabs(document.querySelector("[role=tablist]"), (tab) => {
  const app = tab.id.replace("tab-", "");
  if (json) json.hidden = app !== "json";
  panel.hidden = app === "json";
  if (app === "json") return;
  panel.setAttribute("aria-labelledby", tab.id);
  draw(panel, read.items, app, { words });
});

choose(document.getElementById("tab-phone"));
