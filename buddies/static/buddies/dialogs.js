// The dialogs: where to move an entry, whether to delete it.

import { edits, isOffline, post } from "./api.js";
import { toast } from "./banner.js";
import { edit, move } from "./edits.js";
import { byId, urls, words } from "./page.js";
import { button, element } from "./preview.js";
import { isThere, keysOf, loadSoon, tree } from "./tree.js";

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

export async function confirmDelete(nodes) {
  let effects;
  try {
    await edits; // our own come first: they change the version
    effects = await post(urls.fate, { ids: keysOf(nodes) });
  } catch (error) {
    toast(isOffline(error) ? words.offline : error.message);
    loadSoon();
    return;
  }
  confirm(titled(nodes, words.deleteTitle, words.deleteMany), effects.words, () => {
    edit("remove", { ids: keysOf(nodes), seen: effects.version });
  });
}

/** Returns a dialog's title: with the name of one entry, or with their number. */
export function titled(nodes, one, many) {
  return nodes.length > 1 ? many.replace("%s", nodes.length) : one.replace("%s", nodes[0].title);
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

export function choosePlace(nodes) {
  const search = element("input");
  search.type = "search";
  search.setAttribute("aria-label", words.group);
  search.placeholder = words.group;
  const list = element("div", "places");
  const dialog = openDialog(titled(nodes, words.moveTitle, words.moveMany), [search, list], []);
  const placeButton = ([name, key]) => {
    const choice = button("place", name);
    choice.addEventListener("click", () => {
      dialog.close();
      move(nodes.map((node) => node.key), key, "over");
    });
    return choice;
  };
  const drawPlaces = () => {
    const matches = groups(nodes, search.value).slice(0, MAX_GROUPS);
    list.replaceChildren(...matches.map(placeButton));
    if (!matches.length) list.append(element("p", "quiet", words.noMatch));
  };
  search.addEventListener("input", drawPlaces);
  drawPlaces();
  search.focus();
}

/** [path, key] of the groups that can hold entries, the top level first. */
function groups(nodes, text) {
  const results = [[words.top, null]];
  const keys = new Set(nodes.map(({ key }) => key)); // the tree may have been reloaded
  tree.visit((one) => {
    if (keys.has(one.key)) return "skip";
    if (one.type === "group" && isThere(one)) results.push([path(one), one.key]);
    return true;
  });
  const query = text.trim().toLowerCase();
  return results.filter(([name]) => name.toLowerCase().includes(query));
}

function path(node) {
  return [...node.getParentList(false, true)].map((one) => one.title).join(" › ");
}
