// The dialogs: where to move an entry, whether to delete it, whether to end a hold.

import { edits, get, isOffline, state } from "./api.js";
import { toast } from "./banner.js";
import { edit, move } from "./edits.js";
import { byId, urls, words } from "./page.js";
import { button, element } from "./preview.js";
import { loadSoon, tree } from "./tree.js";

const MOST_GROUPS = 50;

function ask(title, content, buttons) {
  const dialog = byId("dialog");
  const heading = element("h2", "", title);
  heading.id = "dialog-title";
  const row = element("div", "buttons");
  row.append(...buttons, closing(dialog));
  dialog.replaceChildren(heading, ...content, row);
  dialog.showModal();
  return dialog;
}

function closing(dialog) {
  const close = button("button", words.cancel);
  close.addEventListener("click", () => dialog.close());
  return close;
}

export async function askDelete(node) {
  let fate;
  try {
    await edits; // our own come first: they change the version
    fate = await get(`${urls.fate}?id=${node.key}`);
  } catch (error) {
    toast(isOffline(error) ? words.offline : error.message);
    loadSoon();
    return;
  }
  const sure = button("button danger", words.delete.replace(" …", ""));
  const lines = fate.words.map((line) => element("p", "", line));
  const dialog = ask(words.deleteTitle.replace("%s", node.title), lines, [sure]);
  sure.addEventListener("click", () => {
    dialog.close();
    edit("remove", { ids: [Number(node.key)], seen: fate.version });
  });
}

/** Asks before the draft goes live; without a script a page asks. */
export function askEnd(event) {
  event.preventDefault();
  const form = event.currentTarget;
  const seen = form.elements.held.value;
  const sure = button("button primary", words.endHold);
  ask(words.endTitle, [element("p", "", state.going)], [sure]);
  sure.addEventListener("click", () => {
    form.elements.held.value = seen;
    const yes = element("input");
    Object.assign(yes, { type: "hidden", name: "sure", value: "1" });
    form.append(yes);
    form.submit();
  });
}

export function askPlace(node) {
  const wanted = element("input");
  wanted.type = "search";
  wanted.setAttribute("aria-label", words.group);
  wanted.placeholder = words.group;
  const list = element("div", "places");
  const title = words.moveTitle.replace("%s", node.title);
  const dialog = ask(title, [wanted, list], []);
  const offer = ([name, key]) => {
    const made = button("place", name);
    made.addEventListener("click", () => {
      dialog.close();
      move(node.key, key, "over");
    });
    return made;
  };
  const offerAll = () => {
    const found = groups(node.key, wanted.value).slice(0, MOST_GROUPS);
    list.replaceChildren(...found.map(offer));
    if (!found.length) list.append(element("p", "quiet", words.noMatch));
  };
  wanted.addEventListener("input", offerAll);
  offerAll();
  wanted.focus();
}

/** [path, key] of the groups that can hold an entry, the top level first. */
function groups(key, text) {
  const found = [[words.top, null]];
  const node = tree.findKey(key);
  tree.visit((one) => {
    const isBelow = one === node || (node && one.isDescendantOf(node));
    if (one.type === "group" && !isBelow) found.push([path(one), one.key]);
  });
  const wanted = text.trim().toLowerCase();
  return found.filter(([name]) => name.toLowerCase().includes(wanted));
}

function path(node) {
  return [...node.getParentList(false, true)].map((one) => one.title).join(" › ");
}
