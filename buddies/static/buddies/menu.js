// The menu of a row: what can be done with an entry, on the page or on another one.

import { choosePlace, confirmDelete } from "./dialogs.js";
import { edit } from "./edits.js";
import { showLink } from "./link.js";
import { byId, entryAddress, inCampaign, may, urls, words } from "./page.js";
import { openEntry, openNewEntry } from "./panel.js";
import { button } from "./preview.js";
import { chooseSchedule } from "./schedule.js";
import { toggleSelected } from "./selection.js";
import { isThere } from "./tree.js";

export function openMenu(node, anchor) {
  node.setActive();
  showMenu(actions(node), anchor);
}

/** Shows a menu of [text, whether it is offered, what it does, class]. */
export function showMenu(items, anchor) {
  const menu = byId("menu");
  const offered = items.filter(([, isOffered]) => isOffered);
  menu.replaceChildren(
    ...offered.map(([text, , run, kind]) => {
      const item = button(kind ?? "", text);
      item.setAttribute("role", "menuitem");
      item.addEventListener("click", () => {
        menu.hidePopover();
        run();
      });
      return item;
    }),
  );
  menu.showPopover();
  putBeside(menu, anchor);
  menu.firstElementChild.focus();
}

function actions(node) {
  if (!isThere(node)) {
    return [[words.takeBack, may.change, () => edit("take_back", { key: node.data.uuid, field: "" })]];
  }
  const isGroup = node.type === "group";
  const id = Number(node.key);
  const add = (type) => () => openNewEntry(type, node.key);
  const go = (address) => () => location.assign(entryAddress(address, node.key));
  const isShown = node.data.mobile || node.data.web;
  const hide = () => edit("switch", { ids: [id], mobile: false, web: false }, true);
  return [
    [words.edit, may.change, () => openEntry(node.key, { focus: true })],
    [words.rename, may.change, () => node.startEditTitle()],
    [words.addChannel, may.add && isGroup, add("channel")],
    [words.addGroup, may.add && isGroup, add("group")],
    [words.moveTo, may.change, () => choosePlace([node])],
    [words.schedule, may.change, () => chooseSchedule([node])],
    [words.duplicate, may.add, () => edit("duplicate", { ids: [id] })],
    [words.hide, may.change && isShown, hide],
    [words.link, !isGroup && !inCampaign, () => showLink(node)],
    [words.allSettings, may.change, go(urls.edit)],
    [words.history, true, go(urls.history)],
    [node.isSelected() ? words.deselect : words.select, may.change, () => toggleSelected(node)],
    [words.delete, may.delete, () => confirmDelete([node]), "danger"],
  ];
}

function putBeside(menu, anchor) {
  const { right, bottom, top } = anchor.getBoundingClientRect();
  const fitsBelow = bottom + menu.offsetHeight < innerHeight;
  const y = fitsBelow ? bottom : Math.max(8, top - menu.offsetHeight);
  const x = Math.min(right, innerWidth - 8) - menu.offsetWidth;
  menu.style.top = `${y}px`;
  menu.style.left = `${Math.max(8, x)}px`;
}

export function walkMenu(event) {
  const items = [...event.currentTarget.children];
  const index = items.indexOf(document.activeElement);
  const steps = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: -1 };
  if (!(event.key in steps)) return;
  event.preventDefault();
  items.at(steps[event.key] % items.length).focus();
}
