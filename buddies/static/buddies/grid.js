// The grid of the tree: the widget, its columns and rows, drag and drop.

import { Wunderbaum } from "../vendor/wunderbaum/wunderbaum.esm.min.js";
import { move, rename, toggle } from "./edits.js";
import { openKey } from "./editor.js";
import { excerpt, mark } from "./find.js";
import { onKey } from "./keys.js";
import { openMenu } from "./menu.js";
import { byId, may, narrow, words } from "./page.js";
import { openEntry } from "./panel.js";
import { button, element, isAddress, picture } from "./preview.js";
import { beginDrag, endDrag, remember, tree, version } from "./tree.js";

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
    },
    header: true,
    navigationModeOption: "row",
    rowHeightPx: narrow.matches ? 44 : 40,
    debugLevel: 1,
    quicksearch: true,
    filter: { mode: "hide", autoExpand: true, connectInput: null },
    dnd: may.change ? dragging() : {},
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

/** Opens a row in the panel, unless one of its buttons was pressed. */
function onClick(e) {
  if (!e.node || e.event.target.closest("button, input, .wb-expander")) return;
  if (e.node.data.mark !== "removed") openEntry(e.node.key);
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
  return { id, title: words[id], width: "72px", classes: "flag" };
}

function drawRow(e) {
  const { node } = e;
  const row = e.nodeElem.parentElement;
  row.id = `entry-${node.key}`;
  row.setAttribute("role", "row");
  row.setAttribute("aria-level", node.getLevel());
  row.classList.toggle("draft", !node.data.mobile && !node.data.web);
  drawMarks(row, e.nodeElem, node);
  drawPicture(e.nodeElem, node);
  if (!node.isEditingTitle()) mark(e.nodeElem.querySelector(".wb-title"), node.title);
  for (const cell of row.children) cell.setAttribute("role", "gridcell");
  drawExpanded(node);
  drawActive(row, node);
  e.nodeElem.title = [node.data.note, node.data.remark].filter(Boolean).join(", ");
  e.nodeElem.classList.toggle("remarked", Boolean(node.data.remark));
  for (const { id, elem } of Object.values(e.renderColInfosById)) {
    if (id === "text") drawText(elem, node);
    else if (id === "more") drawMore(elem, node, e.isNew);
    else drawSwitch(elem, node, id, e.isNew);
  }
}

/** Shows the status text or, if words were found in another one, the part with them. */
function drawText(cell, node) {
  const text = excerpt(node.key) || node.data.text;
  cell.textContent = text;
  mark(cell, text);
}

/** Shows an entry's picture in place of its icon. */
function drawPicture(cell, node) {
  const address = node.data.picture;
  const shown = cell.querySelector(".row-picture");
  if (shown?.dataset.address === address) return;
  shown?.remove();
  cell.classList.toggle("pictured", isAddress(address));
  if (!isAddress(address)) return;
  const image = picture(address, "row-picture");
  image.dataset.address = address;
  image.addEventListener("error", () => {
    image.remove();
    cell.classList.remove("pictured");
  });
  cell.querySelector(".wb-icon").before(image);
}

/** Shows what the campaign does with an entry or, live, which campaigns change it. */
function drawMarks(row, cell, node) {
  row.dataset.mark = node.data.mark ?? "";
  cell.querySelector(".pennants")?.remove();
  if (!node.data.pennants) return;
  const pennants = element("span", "pennants");
  pennants.setAttribute("aria-hidden", "true"); // the title says it
  for (const colour of node.data.pennants) pennants.append(element("b", `colour-${colour}`));
  cell.querySelector(".wb-title").before(pennants);
}

function drawSwitch(cell, node, flag, isNew) {
  if (isNew) {
    const made = button("switch");
    made.tabIndex = -1;
    made.setAttribute("role", "switch");
    made.disabled = !may.change || node.data.mark === "removed";
    made.addEventListener("click", () => toggle(node, flag));
    cell.replaceChildren(made);
  }
  const [shown] = cell.children;
  shown.setAttribute("aria-checked", Boolean(node.data[flag]));
  shown.setAttribute("aria-label", `${words[flag]}: ${node.title}`);
}

function drawMore(cell, node, isNew) {
  if (!isNew) return;
  const made = button("more", "⋯");
  made.tabIndex = -1;
  made.setAttribute("aria-haspopup", "menu");
  made.setAttribute("aria-label", `${words.actions}: ${node.title}`);
  made.addEventListener("click", () => openMenu(node, made));
  cell.replaceChildren(made);
}

function drawExpanded(node) {
  const row = byId(`entry-${node.key}`);
  if (row && node.children?.length) row.setAttribute("aria-expanded", Boolean(node.expanded));
  else row?.removeAttribute("aria-expanded");
}

function drawActive(row, node) {
  row.setAttribute("aria-selected", node.isActive());
}

function onActivate(e) {
  for (const row of byId("tree").querySelectorAll("[aria-selected=true]")) {
    row.setAttribute("aria-selected", "false");
  }
  byId(`entry-${e.node.key}`)?.setAttribute("aria-selected", "true");
  pointAtActive();
  // An open panel follows the arrows.
  if (e.node.data.mark !== "removed" && openKey() && openKey() !== e.node.key && e.event?.type === "keydown") openEntry(e.node.key);
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
  if (!active || active.data.mark === "removed") return null;
  const group = active.type === "group" ? active : active.parent;
  return group.isRootNode() ? null : group.key;
}

/** Whether an entry is there to be edited: one that the campaign deletes is not. */
export function isEditable(node) {
  return may.change && node.data.mark !== "removed";
}

function dragging() {
  return {
    dragStart: (e) => {
      if (!isEditable(e.node)) return false;
      e.event.dataTransfer.effectAllowed = "move";
      beginDrag();
      return true;
    },
    dragEnter: (e) => {
      e.event.dataTransfer.dropEffect = "move";
      if (!isEditable(e.node)) return false;
      const isGroup = e.node.type === "group";
      return isGroup ? ["before", "after", "over"] : ["before", "after"];
    },
    drop: (e) => {
      const how = e.suggestedDropMode === "appendChild" ? "over" : e.suggestedDropMode;
      move(e.sourceNode.key, e.node.key, how);
      endDrag();
    },
    dragEnd: endDrag,
  };
}
