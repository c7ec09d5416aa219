// The panel beside the tree: what a phone or the webchat shows, or what has changed.

import { get, isOffline, state } from "./api.js";
import { edit } from "./edits.js";
import { byId, inCampaign, may, urls, words } from "./page.js";
import { button, draw, element } from "./preview.js";

export let tab = sessionStorage.getItem("tab") ?? "phone";
export let drawn = {}; // the stamp and release that the panel shows

export async function drawPanel() {
  const panel = byId("panel");
  const wanted = tab;
  panel.setAttribute("aria-labelledby", `tab-${tab}`);
  drawn = { stamp: state.stamp, live: state.live };
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
    if (inCampaign) name.append(changeActions(change));
    list.append(line);
  }
  if (count > changes.length) list.append(element("li", "quiet", words.more.replace("%s", count)));
  panel.replaceChildren(list);
}

/** What can be done with one change of a campaign. */
function changeActions(change) {
  const row = element("span", "change-actions");
  if (change.is_live) row.append(element("em", "quiet", words.isLive));
  if (!may.change) return row;
  const { key, field } = change;
  const act = (name, text) => {
    const made = button("link", text);
    made.addEventListener("click", () => edit(name, { key, field }));
    row.append(made);
  };
  act("take_back", words.takeBack);
  if (may.live && !change.is_live) act("do_live", words.doLive);
  return row;
}

export function show(chosen) {
  tab = chosen.id.replace("tab-", "");
  sessionStorage.setItem("tab", tab);
  return drawPanel();
}
