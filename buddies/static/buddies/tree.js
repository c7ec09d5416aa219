// The displayed tree: its version, and when it is reloaded.
//
// Its appearance is in grid.js, which makes the widget.

import { enqueue, get, state } from "./api.js";
import { isFinding, search } from "./find.js";
import { byId, urls } from "./page.js";
import { isPressed } from "./pointer.js";
import { redrawStates } from "./row.js";
import { reselect, selected } from "./selection.js";

const MAX_EXPANDED = 200; // entries that are shown expanded at first

export let tree; // the widget
export let version = 0; // of the displayed tree: edits are made on it
let stamp = ""; // of the displayed tree: differs as soon as the tree does
export let loadCount = 0; // how often the tree was loaded
let build; // makes the widget
let isStale = false; // it has to be reloaded, whatever its version
let isDragging = false;

/** Draws the tree for the first time, in the widget that make(entries) makes. */
export async function start(make) {
  build = make;
  await load();
}

/**
 * Reloads the whole tree; keeps the expanded groups and the active row.
 *
 * During a gesture it does nothing: follow() repeats it later.
 */
export async function load() {
  isStale = true;
  if (isBusy()) return;
  const newest = await get(urls.tree);
  if (!isBusy()) await drawTree(newest);
}

/** Whether a press, a drag, a dialog, a menu or a name needs the tree as it is displayed. */
function isBusy() {
  const isOpen = byId("dialog").open || byId("menu").matches(":popover-open");
  return isPressed() || isDragging || isOpen || Boolean(tree?.root.children?.length && tree.isEditingTitle?.());
}

/** Reloads the tree if it is not the newest one. */
export async function follow() {
  if (isStale || state.stamp !== stamp) await load();
}

export function followSoon() {
  enqueue(follow, () => {}); // repeated with the next state
}

/** Reloads the tree as soon as the edits before are done. */
export function loadSoon() {
  isStale = true;
  followSoon();
}

export function beginDrag() {
  isDragging = true;
}

export function endDrag() {
  if (!isDragging) return;
  isDragging = false;
  followSoon();
}

async function drawTree({ version: newest, stamp: newStamp, entries }) {
  isStale = false;
  loadCount += 1;
  const active = tree?.getActiveNode()?.key;
  const selection = selected().map(({ key }) => key);
  if (tree) await tree.load(entries);
  else tree = build(entries);
  version = newest;
  stamp = newStamp;
  restore(entries);
  tree.findKey(active)?.setActive(true, { noEvents: false });
  reselect(selection);
  byId("no-entries").hidden = entries.length > 0;
  byId("tree").hidden = entries.length === 0;
  if (isFinding()) search();
}

/** Whether an entry is there to be edited: one that the campaign deletes is not. */
export function isThere(node) {
  return node.data.mark !== "removed";
}

/** Returns the keys of entries as the server takes them. */
export function keysOf(nodes) {
  return nodes.map(({ key }) => Number(key));
}

/** Returns the key of the entry that a row shows. */
export function keyOfRow(row) {
  return row.id.replace("entry-", "");
}

// What a row has only at times.
const BLANK = { mark: "", note: "", pennants: undefined, clock: "", isDue: true, from: "", until: "" };

/** Draws what an edit changed, without loading the tree. */
export function patch(done) {
  version = done.version;
  stamp = done.stamp;
  for (const entry of done.entries) {
    const node = tree.findKey(entry.key);
    Object.assign(node.data, BLANK, entry);
    node.setTitle(entry.title);
    node.update();
  }
  redrawStates(); // other rows say how many inside are shown, or are dimmed
}

export function remember() {
  const open = [];
  tree.visit((node) => {
    if (node.expanded) open.push(node.key);
  });
  sessionStorage.setItem("open", JSON.stringify(open));
}

function restore(entries) {
  const stored = sessionStorage.getItem("open");
  if (stored) {
    const open = new Set(JSON.parse(stored));
    tree.visit((node) => {
      if (open.has(node.key)) node.setExpanded(true, { noEvents: true });
    });
  } else if (tree.count() <= MAX_EXPANDED) {
    tree.expandAll(true);
  }
  return entries;
}
