// Rows that are dragged: with the mouse by the widget, with a finger by this module.
//
// A finger that stays on a row picks it up; if it does not move then, it selects it.

import { move } from "./edits.js";
import { may, words } from "./page.js";
import { element } from "./preview.js";
import { targets, toggleSelected, tops } from "./selection.js";
import { beginDrag, endDrag, isThere, keyOfRow, keysOf, tree } from "./tree.js";

export const isTouch = matchMedia("(pointer: coarse)").matches;

const HOLD_MILLISECONDS = 450;
const TREMBLE = 10; // pixels that a finger moves without meaning it
const EDGE = 56; // pixels from where the tree scrolls
const SCROLL_MILLISECONDS = 60;
const SIGNS = ["wb-drop-target", "wb-drop-before", "wb-drop-after", "wb-drop-over"];

let held = []; // the entries that are dragged

function pickUp(node) {
  held = tops(targets(node));
  beginDrag();
}

/** Whether the dragged entries can be put beside or into an entry. */
function takes(node) {
  return isThere(node) && !held.some((one) => one === node || node.isDescendantOf(one));
}

/** Puts the dragged entries down; right under the header of an open group is inside. */
function putDown(node, how) {
  const isFirst = how === "after" && node.expanded && node.children?.length;
  move(keysOf(held), node.key, isFirst ? "first" : how);
}

export function dragging() {
  if (!may.change || isTouch) return {};
  return {
    preventVoidMoves: false, // under the header of the group before is another place
    dragStart: (e) => {
      if (!isThere(e.node)) return false;
      e.event.dataTransfer.effectAllowed = "move";
      pickUp(e.node);
      return true;
    },
    dragEnter: (e) => {
      e.event.dataTransfer.dropEffect = "move";
      if (!takes(e.node)) return false;
      return e.node.type === "group" ? ["before", "after", "over"] : ["before", "after"];
    },
    drop: (e) => {
      putDown(e.node, e.suggestedDropMode === "appendChild" ? "over" : e.suggestedDropMode);
      endDrag();
    },
    dragEnd: endDrag,
  };
}

// --- With a finger -----------------------------------------------------------------

let press = null; // { key, x, y, timer, node, chip, target, how }: a finger on a row

export function listenToTouch(grid) {
  if (!may.change || !isTouch) return;
  grid.addEventListener("touchstart", onTouch, { passive: true });
  grid.addEventListener("contextmenu", (event) => press && event.preventDefault());
}

function onTouch(event) {
  leave();
  const row = event.target.closest(".wb-node-list .wb-row");
  if (!row || event.touches.length > 1 || event.target.closest("button, input, .wb-expander")) return;
  const key = keyOfRow(row);
  const [{ clientX: x, clientY: y }] = event.touches;
  press = { key, x, y, timer: setTimeout(hold, HOLD_MILLISECONDS) };
  // Events go on at this element, even when the tree has scrolled it away.
  const on = (name, run) => event.target.addEventListener(name, run, { passive: false });
  on("touchmove", onMove);
  on("touchend", onEnd);
  on("touchcancel", leave);
}

function hold() {
  // The tree may have been loaded since; from now on it waits.
  press.node = tree.findKey(press.key);
  if (!press.node || !isThere(press.node)) {
    leave();
    return;
  }
  pickUp(press.node);
  const name = held.length > 1 ? words.selected.replace("%s", held.length) : press.node.title;
  press.chip = element("div", "held", name);
  document.body.append(press.chip);
  follow(press.x, press.y);
  press.scroll = setInterval(scroll, SCROLL_MILLISECONDS);
}

function onMove(event) {
  if (!press) return;
  const [{ clientX: x, clientY: y }] = event.touches;
  if (Math.hypot(x - press.x, y - press.y) > TREMBLE) press.isMoved = true;
  if (!press.chip) {
    if (press.isMoved) leave(); // it scrolls
    return;
  }
  event.preventDefault();
  if (press.isMoved) follow(x, y);
}

/** Draws what is held at the finger, and where it would be put. */
function follow(x, y) {
  press.at = { x, y };
  press.chip.style.transform = `translate(${x}px, ${y}px)`;
  clearSigns();
  press.target = null;
  if (!press.isMoved) return;
  const row = document.elementFromPoint(x, y)?.closest(".wb-node-list .wb-row");
  const node = row && tree.findKey(keyOfRow(row));
  if (!node || !takes(node)) return;
  const { top, height } = row.getBoundingClientRect();
  const part = (y - top) / height;
  const isOver = node.type === "group" && part > 0.25 && part < 0.75;
  press.target = node;
  press.how = isOver ? "over" : part < 0.5 ? "before" : "after";
  row.classList.add("wb-drop-target", `wb-drop-${press.how}`);
}

function scroll() {
  const { top, bottom } = tree.element.getBoundingClientRect();
  const { x, y } = press.at;
  const step = y < top + EDGE ? -EDGE / 2 : y > Math.min(bottom, innerHeight) - EDGE ? EDGE / 2 : 0;
  if (!step || !press.isMoved) return;
  tree.element.scrollTop += step;
  follow(x, y);
}

function onEnd(event) {
  if (!press?.chip) {
    leave();
    return;
  }
  event.preventDefault(); // no click
  const { node, target, how, isMoved } = press;
  leave();
  if (!isMoved) toggleSelected(node);
  else if (target) putDown(target, how);
}

/** Ends what a finger does, without a result. */
function leave() {
  if (!press) return;
  clearTimeout(press.timer);
  clearInterval(press.scroll);
  press.chip?.remove();
  clearSigns();
  press = null;
  endDrag();
}

function clearSigns() {
  for (const row of tree.element.querySelectorAll(".wb-drop-target")) row.classList.remove(...SIGNS);
}
