// The webchat's tree of channels, with groups that fold.

import { avatar, button, element } from "../buddies/preview.js";
import { parseDocument, shown } from "../client/index.js";
import { find, words } from "./page.js";

export let channels = new Map(); // the document's channels, by key
const foldedGroups = new Set(); // their addresses

/** Draws a document. `actions` has the functions route(item) and open(key). */
export function drawTree(text, actions) {
  const focused = document.activeElement?.closest("[data-key]")?.dataset.key;
  channels = new Map();
  const list = branch(shown(parseDocument(text), "web"), actions);
  find("tree").replaceChildren(list ?? element("p", "blank quiet", words.empty));
  find("tree").querySelector(`[data-key="${CSS.escape(focused ?? "")}"]`)?.focus();
}

function branch(items, actions) {
  if (!items.length) return null;
  const list = element("ul", "plain");
  for (const item of items) {
    const row = element("li");
    row.append(item.type === "group" ? group(item, actions) : channel(item, actions));
    list.append(row);
  }
  return list;
}

function group(item, actions) {
  const folder = element("details");
  const summary = element("summary");
  folder.open = !foldedGroups.has(item.address);
  folder.addEventListener("toggle", () => {
    if (folder.open) foldedGroups.delete(item.address);
    else foldedGroups.add(item.address);
  });
  summary.dataset.key = `group ${item.address}`;
  summary.append(...entryNodes(item));
  folder.append(summary, branch(item.items, actions));
  return folder;
}

function channel(item, actions) {
  const { to, thread } = actions.route(item);
  const key = keyOf(to, thread);
  const opener = button("channel");
  channels.set(key, { item, to, thread });
  opener.dataset.key = key;
  opener.append(...entryNodes(item));
  opener.addEventListener("click", () => actions.open(key));
  return opener;
}

export function entryNodes({ info }) {
  const lines = element("span", "lines");
  lines.append(element("strong", "", info.name), element("span", "quiet", info.status));
  return [avatar(info), lines];
}

/** Returns the key of the channel with an address; undefined if none is shown. */
export function keyOfAddress(address) {
  for (const [key, { item }] of channels) if (item.address === address) return key;
  return undefined;
}

/** Identifies a conversation. The server writes a JID in lower case, whatever staff entered. */
export function keyOf(to, thread) {
  const [bare] = to.normalize("NFKC").toLowerCase().split("/");
  return `${bare} ${thread}`;
}
