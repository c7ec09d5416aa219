// The webchat's tree of channels, with groups that fold.

import { avatar, button, element } from "../buddies/preview.js";
import { find, words } from "./page.js";

export let channels = new Map(); // the document's channels, by key
const closed = new Set(); // addresses of groups that are folded

/** Draws a document. `acts` has the functions route(item) and open(key). */
export function drawTree(text, acts) {
  const focused = document.activeElement?.closest("[data-key]")?.dataset.key;
  channels = new Map();
  const list = branch(JSON.parse(text || '{"items":[]}').items, acts);
  find("tree").replaceChildren(list ?? element("p", "blank quiet", words.empty));
  find("tree").querySelector(`[data-key="${CSS.escape(focused ?? "")}"]`)?.focus();
}

/** Lists the entries published for the web; a hidden group hides its branch. */
function branch(items, acts) {
  const list = element("ul", "plain");
  for (const item of items.filter((one) => one.webIsPublished)) {
    const row = element("li");
    row.append(item.type === "group" ? group(item, acts) : channel(item, acts));
    list.append(row);
  }
  return list.children.length ? list : null;
}

function group(item, acts) {
  const folder = element("details");
  const summary = element("summary");
  folder.open = !closed.has(item.address);
  folder.addEventListener("toggle", () => {
    if (folder.open) closed.delete(item.address);
    else closed.add(item.address);
  });
  summary.dataset.key = `group ${item.address}`;
  summary.append(...face(item));
  folder.append(summary, branch(item.items, acts) ?? "");
  return folder;
}

function channel(item, acts) {
  const { to, thread } = acts.route(item);
  const key = keyOf(to, thread);
  const opener = button("channel");
  channels.set(key, { item, to, thread });
  opener.dataset.key = key;
  opener.append(...face(item));
  opener.addEventListener("click", () => acts.open(key));
  return opener;
}

export function face({ info }) {
  const lines = element("span", "lines");
  lines.append(element("strong", "", info.name), element("span", "quiet", info.status));
  return [avatar(info), lines];
}

export function keyOf(to, thread) {
  return `${to} ${thread}`;
}
