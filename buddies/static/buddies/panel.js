// The panel beside the tree: what a phone or the webchat shows, or what has changed.

import { forgetState, get, isOffline, state } from "./api.js";
import { toast } from "./banner.js";
import { close, follow, open, openKey, openNew } from "./editor.js";
import { edit } from "./edits.js";
import { byId, inCampaign, may, narrow, urls, words } from "./page.js";
import { isPressed } from "./pointer.js";
import { button, draw, element } from "./preview.js";
import { select } from "./tabs.js";
import { tree } from "./tree.js";

export let tab = sessionStorage.getItem("tab") ?? "phone";
export let drawn = {}; // the stamp and release that the panel shows

export async function drawPanel() {
  const panel = byId("panel");
  const wanted = tab;
  if (openKey() !== null && tab === "phone") {
    const { stamp, live } = state;
    await follow();
    drawn = { stamp, live };
    return;
  }
  panel.setAttribute("aria-labelledby", `tab-${tab}`);
  drawn = { stamp: state.stamp, live: state.live };
  try {
    const answer = await get(tab === "changes" ? urls.changes : urls.document);
    // Meanwhile another tab was chosen, or an entry was opened here.
    if (tab !== wanted || openKey() !== null) return;
    if (isPressed()) {
      // The next state draws it.
      forgetState();
      drawn = {};
    } else if (tab === "changes") {
      drawChanges(panel, answer);
    } else {
      const onOpen = tab === "phone" ? (item) => openAddress(item.address) : null;
      draw(panel, answer.document.items, tab, { words, onOpen });
    }
  } catch (error) {
    drawn = {};
    if (openKey() !== null) return;
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
  close();
  return drawPanel();
}

// --- The entry that is open --------------------------------------------------------

/** Opens an entry inside the phone. */
export async function openEntry(key, options) {
  showPhone();
  try {
    await open(byId("panel"), key, options);
  } catch (error) {
    toast(isOffline(error) ? words.offline : error.message);
    await closeEntry();
  }
}

/** Opens the fields of a new entry; of a group, if its key is given. */
export function openNewEntry(type, group) {
  showPhone();
  openNew(byId("panel"), type, group);
}

function openAddress(address) {
  const node = tree.findFirst((one) => one.data.address === address);
  if (!node) return;
  node.setActive();
  openEntry(node.key);
}

function showPhone() {
  tab = "phone";
  sessionStorage.setItem("tab", tab);
  select(byId("tab-phone"));
  showPanel();
}

/** Closes the entry: the phone shows all of them again. */
export async function closeEntry() {
  if (openKey() === null) return;
  close();
  hidePanel();
  byId("tree").focus();
  await drawPanel();
}

// On a phone the panel is a screen of its own.

let scrolled = 0; // where the tree was

export function showPanel() {
  const { classList } = document.body;
  if (classList.contains("panel-open")) return;
  scrolled = scrollY;
  classList.add("panel-open");
  if (narrow.matches) scrollTo(0, 0);
}

export function hidePanel() {
  document.body.classList.remove("panel-open");
  if (narrow.matches) scrollTo(0, scrolled);
}
