// The tree that is drawn: of which version it is, and when it is drawn anew.
//
// What it looks like is in grid.js, which makes the widget.

import { get, inTurn, state } from "./api.js";
import { byId, urls, words } from "./page.js";

const MOST_EXPANDED = 200; // entries that are shown expanded at first

export let tree; // the widget
export let version = 0; // of the tree that is drawn
export let loads = 0; // how often the tree was drawn anew
let build; // makes the widget
let isStale = false; // it has to be drawn anew, whatever its version
let isDragging = false;

/** Draws the tree for the first time, in the widget that make(entries) makes. */
export async function begin(make) {
  build = make;
  await load();
}

/**
 * Reads the whole tree anew; keeps what is expanded, and where one is.
 *
 * While a gesture is under way it waits: follow() comes back to it.
 */
export async function load() {
  isStale = true;
  if (isBusy()) return;
  const newest = await get(urls.tree);
  if (!isBusy()) await drawTree(newest);
}

/** Whether something is open, or on its way, that belongs to the tree as it is drawn. */
function isBusy() {
  return isDragging || byId("dialog").open || byId("menu").matches(":popover-open");
}

/** Reads the tree anew if it is not the newest one. */
export async function follow() {
  if (isStale || state.version > version) await load();
}

export function followSoon() {
  inTurn(follow, () => {}); // asked again with the next state
}

/** Reads the tree anew, as soon as the edits before are done. */
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

async function drawTree({ version: newest, entries }) {
  isStale = false;
  loads += 1;
  const active = tree?.getActiveNode()?.key;
  if (tree) await tree.load(entries);
  else tree = build(entries);
  version = newest;
  restore(entries);
  tree.findKey(active)?.setActive(true, { noEvents: false });
  byId("no-entries").hidden = entries.length > 0;
  byId("tree").hidden = entries.length === 0;
  if (byId("search").value) search();
}

export function patch(done) {
  version = done.version;
  for (const entry of done.entries) {
    const node = tree.findKey(entry.key);
    Object.assign(node.data, entry);
    node.setTitle(entry.title);
    node.update();
  }
}

export function remember() {
  const open = [];
  tree.visit((node) => {
    if (node.expanded) open.push(node.key);
  });
  sessionStorage.setItem("open", JSON.stringify(open));
}

function restore(entries) {
  const kept = sessionStorage.getItem("open");
  if (kept) {
    const open = new Set(JSON.parse(kept));
    tree.visit((node) => {
      if (open.has(node.key)) node.setExpanded(true, { noEvents: true });
    });
  } else if (tree.count() <= MOST_EXPANDED) {
    tree.expandAll(true);
  }
  return entries;
}

export function search() {
  const text = byId("search").value.trim();
  if (text) tree.filterNodes(text, { mode: "hide", autoExpand: true, noData: words.noMatch });
  else tree.clearFilter();
}
