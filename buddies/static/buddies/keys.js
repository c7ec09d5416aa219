// The keyboard in the tree: what each key does with the active row.

import { confirmDelete } from "./dialogs.js";
import { move, toggle } from "./edits.js";
import { openMenu } from "./menu.js";
import { byId, may } from "./page.js";
import { closeEntry, openEntry } from "./panel.js";
import { clearSelection, isSelecting, selectAll, selectNext, targets, toggleSelected, tops } from "./selection.js";
import { isThere, tree } from "./tree.js";

const STEPS = {
  ArrowUp: (node) => [node.getPrevSibling(), "before"],
  ArrowDown: (node) => [node.getNextSibling(), "after"],
  ArrowLeft: (node) => [node.parent.isRootNode() ? null : node.parent, "after"],
  ArrowRight: (node) => [groupBefore(node), "over"],
};

export function onKey(e) {
  const { event } = e;
  const node = e.node ?? tree.getActiveNode() ?? firstFor(event); // no row is active yet
  if (!node || event.target.closest("input")) return undefined;
  const run = keyAction(event, node);
  if (!run) return undefined;
  event.preventDefault();
  run();
  return false;
}

function firstFor({ key }) {
  return key === "Home" || key === "End" ? tree.getFirstChild() : null;
}

function keyAction(event, node) {
  const { key } = event;
  const isMenu = key === "ContextMenu" || (event.shiftKey && key === "F10");
  if (isMenu) return () => openMenu(node, byId(`entry-${node.key}`));
  if (key === "Home" || key === "End") return () => node.navigate(`Control+${key}`, { activate: true, event });
  if (key === "Escape") return isSelecting() ? clearSelection : closeEntry;
  if (!isThere(node)) return null;
  if (key === "Enter") return () => openEntry(node.key, { focus: true });
  if (!may.change) return null;
  if (event.altKey && STEPS[key]) return () => step(node, key);
  if (key === " " && event.ctrlKey) return () => toggleSelected(node);
  if (key === " ") return () => switchFlag(node, event.shiftKey ? "web" : "mobile");
  if (key === "a" && (event.ctrlKey || event.metaKey)) return selectAll;
  if (event.shiftKey && SELECTING[key]) return () => selectNext(node, () => node.navigate(SELECTING[key], { activate: true, event }));
  if (key === "F2") return () => node.startEditTitle();
  if (key === "Delete" && may.delete) return () => confirmDelete(tops(targets(node)));
  return null;
}

const SELECTING = { ArrowUp: "up", ArrowDown: "down" };

function switchFlag(node, flag) {
  toggle(targets(node), flag, !node.data[flag]);
}

function step(node, key) {
  const [target, how] = STEPS[key](node);
  if (target) move([node.key], target.key, how);
}

function groupBefore(node) {
  const before = node.getPrevSibling();
  return before?.type === "group" ? before : null;
}
