// The dialogs: where to move an entry, whether to delete it.

import { edits, get, isOffline } from "./api.js";
import { toast } from "./banner.js";
import { edit, move } from "./edits.js";
import { byId, urls, withParameters, words } from "./page.js";
import { button, element } from "./preview.js";
import { loadSoon, tree } from "./tree.js";

const MAX_GROUPS = 50;

export function openDialog(title, content, buttons, closing = words.cancel) {
  const dialog = byId("dialog");
  const heading = element("h2", "", title);
  heading.id = "dialog-title";
  const row = element("div", "buttons");
  row.append(...buttons, closeButton(dialog, closing));
  dialog.replaceChildren(heading, ...content, row);
  dialog.showModal();
  return dialog;
}

function closeButton(dialog, text) {
  const close = button("button", text);
  close.addEventListener("click", () => dialog.close());
  return close;
}

export async function confirmDelete(node) {
  let effects;
  try {
    await edits; // our own come first: they change the version
    effects = await get(withParameters(urls.fate, { id: node.key }));
  } catch (error) {
    toast(isOffline(error) ? words.offline : error.message);
    loadSoon();
    return;
  }
  confirm(words.deleteTitle.replace("%s", node.title), effects.words, () => {
    edit("remove", { ids: [Number(node.key)], seen: effects.version });
  });
}

/** Asks before something is deleted. */
export function confirm(title, lines, run) {
  const confirmButton = button("button danger", words.delete.replace(" …", ""));
  const dialog = openDialog(title, lines.map((line) => element("p", "", line)), [confirmButton]);
  confirmButton.addEventListener("click", () => {
    dialog.close();
    run();
  });
}

export function choosePlace(node) {
  const search = element("input");
  search.type = "search";
  search.setAttribute("aria-label", words.group);
  search.placeholder = words.group;
  const list = element("div", "places");
  const title = words.moveTitle.replace("%s", node.title);
  const dialog = openDialog(title, [search, list], []);
  const placeButton = ([name, key]) => {
    const choice = button("place", name);
    choice.addEventListener("click", () => {
      dialog.close();
      move(node.key, key, "over");
    });
    return choice;
  };
  const drawPlaces = () => {
    const matches = groups(node.key, search.value).slice(0, MAX_GROUPS);
    list.replaceChildren(...matches.map(placeButton));
    if (!matches.length) list.append(element("p", "quiet", words.noMatch));
  };
  search.addEventListener("input", drawPlaces);
  drawPlaces();
  search.focus();
}

/** [path, key] of the groups that can hold an entry, the top level first. */
function groups(key, text) {
  const results = [[words.top, null]];
  const node = tree.findKey(key);
  tree.visit((one) => {
    const isBelow = one === node || (node && one.isDescendantOf(node));
    const isThere = one.data.mark !== "removed";
    if (one.type === "group" && isThere && !isBelow) results.push([path(one), one.key]);
  });
  const query = text.trim().toLowerCase();
  return results.filter(([name]) => name.toLowerCase().includes(query));
}

function path(node) {
  return [...node.getParentList(false, true)].map((one) => one.title).join(" › ");
}
