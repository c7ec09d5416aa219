// The panel beside the tree: what a phone or the webchat shows, or what has changed.

import { get, isOffline, state } from "./api.js";
import { byId, urls, words } from "./page.js";
import { draw, element } from "./preview.js";

export let tab = sessionStorage.getItem("tab") ?? "phone";
export let drawn = {}; // the version and release that the panel shows

export async function drawPanel() {
  const panel = byId("panel");
  const wanted = tab;
  panel.setAttribute("aria-labelledby", `tab-${tab}`);
  drawn = { version: state.version, live: state.live };
  try {
    if (tab === "changes") {
      drawChanges(panel, await get(urls.changes));
    } else {
      const draft = await get(urls.document);
      if (tab === wanted) draw(panel, draft.document.items, tab, words);
    }
  } catch (error) {
    drawn = {};
    panel.replaceChildren(element("p", "problem", isOffline(error) ? words.offline : error.message));
  }
}

function drawChanges(panel, { changes, count }) {
  if (!count) {
    panel.replaceChildren(element("p", "quiet blank", words.none));
    return;
  }
  const list = element("ul", "changes");
  for (const change of changes) {
    const line = element("li", `change-${change.kind}`);
    const name = element("span");
    name.append(element("span", "", change.name), element("span", "quiet", change.words));
    line.append(element("strong", "", change.label), name);
    list.append(line);
  }
  if (count > changes.length) list.append(element("li", "quiet", words.more.replace("%s", count)));
  panel.replaceChildren(list);
}

export function show(chosen) {
  tab = chosen.id.replace("tab-", "");
  sessionStorage.setItem("tab", tab);
  return drawPanel();
}
