// A row of the tree: what it shows of an entry, in cells that the widget makes.

import { state } from "./api.js";
import { toggle } from "./edits.js";
import { excerpt, mark } from "./find.js";
import { openMenu } from "./menu.js";
import { byId, may, narrow, words } from "./page.js";
import { button, element, isAddress, picture } from "./preview.js";
import { isMeant } from "./selection.js";
import { isThere, keyOfRow, tree } from "./tree.js";

export function drawRow(e) {
  const { node } = e;
  const row = e.nodeElem.parentElement;
  row.id = `entry-${node.key}`;
  row.setAttribute("role", "row");
  row.setAttribute("aria-level", node.getLevel());
  drawMarks(row, e.nodeElem, node);
  drawPicture(e.nodeElem, node);
  if (!node.isEditingTitle()) mark(e.nodeElem.querySelector(".wb-title"), node.title);
  for (const cell of row.children) cell.setAttribute("role", "gridcell");
  drawExpanded(node);
  drawState(row, node);
  for (const { id, elem } of Object.values(e.renderColInfosById)) {
    if (id === "text") drawText(elem, node);
    else if (id === "more") drawMore(elem, node, e.isNew);
    else drawSwitch(elem, node, id, e.isNew);
  }
}

/** Shows the status text or, if words were found in another one, the part with them. */
function drawText(cell, node) {
  const text = element("span", "", excerpt(node.key) || node.data.text);
  cell.replaceChildren(facts(node), text);
  mark(text, text.textContent);
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
  pennants.setAttribute("aria-hidden", "true"); // the description says it
  for (const colour of node.data.pennants) pennants.append(element("b", `colour-${colour}`));
  cell.querySelector(".wb-title").before(pennants);
}

function drawSwitch(cell, node, flag, isNew) {
  if (isNew) {
    const made = button("switch");
    made.tabIndex = -1;
    made.setAttribute("role", "switch");
    made.disabled = !may.change || !isThere(node);
    made.addEventListener("click", () => toggle([node], flag, !node.data[flag]));
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

export function drawExpanded(node) {
  const row = byId(`entry-${node.key}`);
  if (row && node.children?.length) row.setAttribute("aria-expanded", Boolean(node.expanded));
  else row?.removeAttribute("aria-expanded");
}

// --- What a row says of its entry's state -----------------------------------------

/** Draws anew what depends on other rows, on the selection, or on what is live. */
export function redrawStates() {
  for (const row of byId("tree").querySelectorAll(".wb-node-list .wb-row")) {
    const node = tree.findKey(keyOfRow(row));
    if (!node) continue;
    drawState(row, node);
    row.querySelector(".row-facts")?.replaceWith(facts(node));
  }
}

function drawState(row, node) {
  const { data } = node;
  row.classList.toggle("draft", !data.mobile && !data.web);
  row.classList.toggle("dimmed", isInHidden(node));
  row.classList.toggle("waiting", isWaiting(data));
  row.setAttribute("aria-selected", isMeant(node));
  const cell = row.querySelector(".wb-node");
  cell.classList.toggle("remarked", Boolean(data.remark));
  cell.querySelector(".wb-title").dataset.note = narrow.matches ? shortNote(node) : "";
  const lines = description(node);
  cell.title = lines;
  if (lines) row.setAttribute("aria-description", lines);
  else row.removeAttribute("aria-description");
}

/** What a pointer's hint and a screen reader say beside an entry's name and switches. */
function description(node) {
  const { note, remark, clock } = node.data;
  const hidden = isInHidden(node) && words.inHidden;
  const waiting = isWaiting(node.data) && words.waiting;
  const count = node.children?.length && countWords(node);
  return [note, hidden, waiting, clock, remark, count].filter(Boolean).join(", ");
}

/** Whether an entry was edited since what is live. */
function isWaiting({ version }) {
  return version > (state.liveVersion ?? version);
}

/** Whether an app shows an entry, if its groups are shown. */
function isShown({ data }) {
  return (data.mobile || data.web) && data.isDue !== false;
}

/** Whether a group around an entry hides it. */
function isInHidden(node) {
  return node.getParentList().some((group) => !isShown(group));
}

function countWords(group) {
  const inside = group.children.filter(isThere);
  const shown = inside.filter(isShown).length;
  return words.shownInside.replace("%(shown)s", shown).replace("%(count)s", inside.length);
}

/** How many inside a group are shown, and when an entry's schedule shows or hides it. */
function facts(node) {
  const found = element("span", "row-facts");
  if (node.children?.length) found.append(element("span", "fact", countWords(node)));
  if (node.data.clock) found.append(element("span", "fact clock", node.data.clock));
  return found;
}

/** The same for a narrow screen. */
function shortNote(node) {
  const inside = (node.children ?? []).filter(isThere);
  const count = inside.length ? `${inside.filter(isShown).length}/${inside.length}` : "";
  return [count, node.data.clock && "◷"].filter(Boolean).join(" ");
}
