// The selected rows, and the bar with what can be done with all of them.

import { choosePlace, confirmDelete } from "./dialogs.js";
import { edit } from "./edits.js";
import { isFinding } from "./find.js";
import { showMenu } from "./menu.js";
import { byId, may, narrow, words } from "./page.js";
import { redrawStates } from "./row.js";
import { chooseSchedule } from "./schedule.js";
import { isThere, keysOf, tree } from "./tree.js";

let anchor = null; // the key of the row from which Shift selects
let range = []; // the keys that it selected from there
let count = 0; // how many are selected

/** Returns the selected entries, in the tree's order. */
export function selected() {
  return tree?.getSelectedNodes() ?? [];
}

/** Returns what an action on an entry is about: the whole selection, if it is in it. */
export function targets(node) {
  return node.isSelected() ? selected() : [node];
}

/** Returns entries without those that are inside others of them. */
export function tops(nodes) {
  return nodes.filter((node) => !node.getParentList().some((group) => nodes.includes(group)));
}

/** Whether the next action is about an entry: a selected one, or else the active one. */
export function isMeant(node) {
  return isSelecting() ? node.isSelected() : node.isActive();
}

export function isSelecting() {
  return count > 0;
}

// --- Selecting ---------------------------------------------------------------------

export function toggleSelected(node) {
  selectFrom(node);
  node.setSelected(!node.isSelected());
}

/** Makes a row the one from which Shift selects. */
function selectFrom(node) {
  anchor = node.key;
  range = [];
}

/** Selects the displayed rows from the anchor to this one, and no others beside it. */
export function selectTo(node) {
  const rows = displayed();
  const from = rows.findIndex(({ key }) => key === anchor);
  const to = rows.indexOf(node);
  if (from < 0) {
    toggleSelected(node);
    return;
  }
  const wanted = rows.slice(Math.min(from, to), Math.max(from, to) + 1);
  setAll(range.map((key) => tree.findKey(key)).filter((one) => one && !wanted.includes(one)), false);
  range = wanted.map(({ key }) => key);
  select(wanted);
}

/** Selects from a row to the next one, which the arrows lead to. */
export async function selectNext(node, go) {
  if (!range.includes(node.key)) {
    selectFrom(node);
    select([node]);
  }
  await go();
  selectTo(tree.getActiveNode());
}

/** Selects what is displayed; of a search, only what was found. */
export function selectAll() {
  select(displayed().filter((node) => !isFinding() || node.isMatched()));
}

export function selectInside() {
  select(inside());
}

export function clearSelection() {
  anchor = null;
  range = [];
  setAll(selected(), false);
  onSelect();
}

function select(nodes) {
  setAll(nodes.filter(isThere), true);
  onSelect();
}

/** Selects again after the tree was loaded; what is gone or deleted is not. */
export function reselect(keys) {
  setAll(keys.map((key) => tree.findKey(key)).filter((node) => node && isThere(node)), true);
  onSelect();
}

function setAll(nodes, isOn) {
  tree.runWithDeferredUpdate(() => nodes.forEach((node) => node.setSelected(isOn, { noEvents: true })));
}

function displayed() {
  const rows = [];
  tree.visitRows((node) => {
    rows.push(node);
  });
  return rows;
}

/** What the selected groups hold, and is not selected yet. */
function inside() {
  const found = new Set();
  for (const group of selected()) {
    group.visit((node) => {
      if (isThere(node) && !node.isSelected()) found.add(node);
    });
  }
  return [...found];
}

// --- The bar -----------------------------------------------------------------------

/** Draws what depends on the selection. */
export function onSelect() {
  if (!may.change) return; // there are no boxes
  const nodes = selected();
  count = nodes.length;
  // A narrow screen has no room for the boxes until they are needed.
  if (narrow.matches && tree.options.checkbox !== isSelecting()) tree.setOption("checkbox", isSelecting());
  document.body.classList.toggle("selecting", isSelecting());
  const bar = byId("selection");
  const isLeft = !isSelecting() && bar.contains(document.activeElement);
  bar.hidden = !isSelecting();
  if (isLeft) byId("tree").focus();
  const said = count === 1 ? words.oneSelected : words.selected.replace("%s", count);
  byId("selected-count").textContent = said;
  byId("selected-status").textContent = isSelecting() ? said : "";
  const more = inside().length;
  byId("select-inside").hidden = !more;
  byId("select-inside").textContent = more === 1 ? words.oneInside : words.moreInside.replace("%s", more);
  redrawStates();
}

const ACTIONS = {
  "show-selected": (pressed) => chooseApps(true, pressed),
  "hide-selected": (pressed) => chooseApps(false, pressed),
  "move-selected": () => choosePlace(tops(selected())),
  "schedule-selected": () => chooseSchedule(selected()),
  "duplicate-selected": () => edit("duplicate", { ids: keysOf(selected()) }),
  "delete-selected": () => confirmDelete(tops(selected())),
  "select-inside": selectInside,
  "clear-selection": clearSelection,
};

export function listenToBar() {
  for (const [id, run] of Object.entries(ACTIONS)) {
    byId(id)?.addEventListener("click", (event) => run(event.currentTarget));
  }
  byId("selection")?.addEventListener("keydown", (event) => event.key === "Escape" && clearSelection());
}

function chooseApps(isOn, pressed) {
  const choices = [
    [words.everywhere, { mobile: isOn, web: isOn }],
    [words.mobile, { mobile: isOn }],
    [words.web, { web: isOn }],
  ];
  showMenu(choices.map(([text, flags]) => [text, true, () => switchSelected(flags)]), pressed);
}

function switchSelected(flags) {
  edit("switch", { ids: keysOf(selected()), ...flags }, true);
}
