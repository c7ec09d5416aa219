// The grid of the tree: the widget, its columns, and what clicks and keys do in it.

import { Wunderbaum } from "../vendor/wunderbaum/wunderbaum.esm.min.js";
import { dragging, isTouch } from "./drag.js";
import { rename } from "./edits.js";
import { openKey } from "./editor.js";
import { onKey } from "./keys.js";
import { byId, may, narrow, words } from "./page.js";
import { openEntry } from "./panel.js";
import { drawExpanded, drawRow, redrawStates } from "./row.js";
import { isSelecting, onSelect, selectTo, toggleSelected } from "./selection.js";
import { isThere, remember, tree, version } from "./tree.js";

/** Makes the widget; tree.js keeps it. */
export function build(entries) {
  return new Wunderbaum({
    element: byId("tree"),
    id: "tree",
    source: entries,
    columns: columns(),
    types: { group: { icon: "icon icon-group" }, channel: { icon: "icon icon-channel" } },
    iconMap: {
      expanderExpanded: "icon icon-open",
      expanderCollapsed: "icon icon-closed",
      loading: "icon icon-loading",
      error: "icon icon-channel",
      noData: "icon",
      folder: "icon icon-group",
      folderOpen: "icon icon-group",
      doc: "icon icon-channel",
      checkChecked: "icon icon-checked",
      checkUnchecked: "icon icon-unchecked",
      checkUnknown: "icon icon-unchecked",
    },
    header: true,
    navigationModeOption: "row",
    rowHeightPx: narrow.matches ? 44 : 40,
    debugLevel: 1,
    quicksearch: true,
    filter: { mode: "hide", autoExpand: true, connectInput: null },
    dnd: dragging(),
    checkbox: may.change && !narrow.matches,
    beforeSelect: ({ node }) => isEditable(node),
    select: onSelect,
    render: drawRow,
    keydown: onKey,
    activate: onActivate,
    expand: (e) => {
      drawExpanded(e.node);
      remember();
    },
    click: onClick,
    dblclick: (e) => {
      if (isEditable(e.node) && e.info.colId === "*") e.node.startEditTitle();
    },
    edit: { maxlength: 255, beforeEdit: (e) => isEditable(e.node), edit: (e) => listenToName(e.node, e.inputElem) },
    update: () => {
      makeAccessible();
      pointAtActive();
    },
  });
}

/** Selects a row, or opens it in the panel, unless one of its buttons was pressed. */
function onClick({ node, event }) {
  if (!node || !isThere(node) || event.target.closest("button, input, .wb-expander")) return undefined;
  const isBox = event.target.closest(".wb-checkbox") || (isTouch && isSelecting());
  if (may.change && event.shiftKey) selectTo(node);
  else if (may.change && (isBox || event.ctrlKey || event.metaKey)) toggleSelected(node);
  else {
    openEntry(node.key);
    return undefined;
  }
  return false;
}

/** Renames when the field is left, unless that was by Escape: the widget would not. */
function listenToName(node, input) {
  const [seen, was] = [version, node.title];
  input.setAttribute("aria-label", words.name);
  input.addEventListener("keydown", ({ key }) => {
    if (key === "Escape") input.value = was;
  });
  input.addEventListener("blur", () => {
    const name = input.value.trim();
    if (name && name !== was) rename(node, { name, was, seen });
  });
}

function columns() {
  return [
    { id: "*", title: words.name, width: narrow.matches ? 1 : 3 },
    ...(narrow.matches ? [] : [{ id: "text", title: words.status, width: 2 }]),
    flagColumn("mobile"),
    flagColumn("web"),
    { id: "more", title: " ", width: "44px", classes: "flag" },
  ];
}

function flagColumn(id) {
  return { id, title: words[id], width: narrow.matches ? "62px" : "72px", classes: "flag" };
}

function onActivate(e) {
  redrawStates();
  pointAtActive();
  // An open panel follows the arrows.
  if (isThere(e.node) && openKey() && openKey() !== e.node.key && e.event?.type === "keydown") openEntry(e.node.key);
}

/** Tells screen readers the active row, unless it is scrolled or filtered out. */
function pointAtActive() {
  const id = `entry-${tree?.getActiveNode()?.key}`;
  if (byId(id)) byId("tree").setAttribute("aria-activedescendant", id);
  else byId("tree").removeAttribute("aria-activedescendant");
}

// The widget draws its rows without roles (ARIA 1.2, treegrid).
function makeAccessible() {
  const grid = byId("tree");
  grid.setAttribute("role", "treegrid");
  grid.setAttribute("aria-label", words.tree);
  grid.setAttribute("aria-multiselectable", may.change);
  grid.querySelector(".wb-header").setAttribute("role", "rowgroup");
  grid.querySelector(".wb-header .wb-row").setAttribute("role", "row");
  for (const cell of grid.querySelectorAll(".wb-header .wb-col")) {
    cell.setAttribute("role", "columnheader");
    if (!cell.textContent.trim()) cell.setAttribute("aria-label", words.actions);
  }
  grid.querySelector(".wb-list-container").setAttribute("role", "presentation");
  grid.querySelector(".wb-node-list").setAttribute("role", "rowgroup");
}

/** Returns the key of the group that gets a new entry: the active one, or around it. */
export function groupForNew() {
  const active = tree.getActiveNode();
  if (!active || !isThere(active)) return null;
  const group = active.type === "group" ? active : active.parent;
  return group.isRootNode() ? null : group.key;
}

function isEditable(node) {
  return may.change && isThere(node);
}
