// The Channels workspace: the tree grid, the previews and the banner.
//
// The server is the truth. Each edit names the version of the tree that it was
// made on; what the server refuses is drawn anew as it stands there.

import { Wunderbaum } from "../vendor/wunderbaum/wunderbaum.esm.min.js";
import { button, draw, element } from "./preview.js";
import { tabs } from "./tabs.js";

const { urls, may, words } = read("workspace");
const csrf = document.querySelector("[name=csrfmiddlewaretoken]").value;
const narrow = matchMedia("(max-width: 767px)");
const POLL_MS = 2000;
const TOAST_MS = 15000;
const MOST_EXPANDED = 200; // entries that are shown expanded at first

let state = read("state");
let version = 0; // of the tree that is drawn
let tree; // the widget
let tab = sessionStorage.getItem("tab") ?? "phone";
let edits = Promise.resolve(); // one after the other, each on the version before
let loads = 0; // how often the tree was drawn anew
let isStale = false; // it has to be drawn anew, whatever its version
let isDragging = false;

function read(id) {
  return JSON.parse(byId(id).textContent);
}

function byId(id) {
  return document.getElementById(id);
}

// --- Talking to the server -----------------------------------------------------

async function get(address) {
  const answer = await fetch(address, { headers: { Accept: "application/json" } });
  if (answer.redirected) throw new Error(words.loggedOut);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error ?? words.offline);
  return body;
}

async function post(address, body) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": csrf },
    body: JSON.stringify(body),
  });
  const isJson = answer.headers.get("Content-Type")?.includes("json");
  if (answer.redirected || !isJson) throw new Error(words.loggedOut);
  const result = await answer.json();
  if (!answer.ok) throw new Error(answer.status === 409 ? standing(result.error) : result.error);
  return result;
}

/** Why something was refused, and that the tree is drawn anew. */
function standing(reason) {
  return `${reason} ${words.reloaded}`;
}

/** Sends an edit after those before it; draws what comes of it. */
function edit(name, body, isPlain = false) {
  const drawnBefore = loads;
  edits = edits.then(async () => {
    try {
      const done = await post(urls[name], { seen: version, ...body });
      if (done.version > version) {
        const isNext = done.version === version + 1 && loads === drawnBefore;
        // Without words it changed nothing, and somebody else made that version.
        if (isNext && isPlain && done.said) patch(done);
        else await load();
        if (done.said) toast(done.said, done.version);
      }
    } catch (error) {
      toast(isOffline(error) ? words.offline : error.message);
      if (!isOffline(error)) await load().catch(() => {});
    }
    await refresh();
  });
  return edits;
}

function isOffline(error) {
  return error instanceof TypeError; // fetch says so when nobody answers
}

function patch(done) {
  version = done.version;
  for (const entry of done.entries) {
    const node = tree.findKey(entry.key);
    Object.assign(node.data, entry);
    node.setTitle(entry.title);
    node.update();
  }
}

// --- The tree ------------------------------------------------------------------

function build(entries) {
  tree = new Wunderbaum({
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
    dblclick: (e) => {
      if (may.change && e.info.colId === "*") openEditor(e.node);
    },
    update: () => {
      makeAccessible();
      pointAtActive();
    },
  });
}

function columns() {
  const flag = (id) => ({ id, title: words[id], width: "72px", classes: "flag" });
  return [
    { id: "*", title: words.name, width: narrow.matches ? 1 : 3 },
    ...(narrow.matches ? [] : [{ id: "text", title: words.status, width: 2 }]),
    flag("mobile"),
    flag("web"),
    { id: "more", title: " ", width: "44px", classes: "flag" },
  ];
}

/**
 * Reads the whole tree anew; keeps what is expanded, and where one is.
 *
 * While a gesture is under way it waits: follow() comes back to it.
 */
async function load() {
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
async function follow() {
  if (isStale || state.version > version) await load();
}

function followSoon() {
  edits = edits.then(follow).catch(() => {}); // asked again with the next state
}

function endDrag() {
  if (!isDragging) return;
  isDragging = false;
  followSoon();
}

async function drawTree({ version: newest, entries }) {
  isStale = false;
  loads += 1;
  const active = tree?.getActiveNode()?.key;
  if (tree) await tree.load(entries);
  else build(entries);
  version = newest;
  restore(entries);
  tree.findKey(active)?.setActive(true, { noEvents: false });
  byId("no-entries").hidden = entries.length > 0;
  byId("tree").hidden = entries.length === 0;
  if (byId("search").value) search();
}

function remember() {
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

function drawRow(e) {
  const { node } = e;
  const row = e.nodeElem.parentElement;
  row.id = `entry-${node.key}`;
  row.setAttribute("role", "row");
  row.setAttribute("aria-level", node.getLevel());
  row.classList.toggle("draft", !node.data.mobile && !node.data.web);
  for (const cell of row.children) cell.setAttribute("role", "gridcell");
  drawExpanded(node);
  drawActive(row, node);
  e.nodeElem.title = node.data.remark ?? "";
  e.nodeElem.classList.toggle("remarked", Boolean(node.data.remark));
  for (const { id, elem } of Object.values(e.renderColInfosById)) {
    if (id === "text") elem.textContent = node.data.text;
    else if (id === "more") drawMore(elem, node, e.isNew);
    else drawSwitch(elem, node, id, e.isNew);
  }
}

function drawSwitch(cell, node, flag, isNew) {
  if (isNew) {
    const made = button("switch");
    made.tabIndex = -1;
    made.setAttribute("role", "switch");
    made.disabled = !may.change;
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
}

/** Names the active row to a screen reader, unless it is scrolled or searched away. */
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

// --- Edits ---------------------------------------------------------------------

function toggle(node, flag) {
  return edit("switch", { ids: [Number(node.key)], [flag]: !node.data[flag] }, true);
}

const WHERE = { before: "before", after: "after", over: "last", appendChild: "last" };

/** Moves at once on the screen, then on the server; both are keys of entries. */
function move(key, place, how) {
  const node = tree.findKey(key);
  const target = place && tree.findKey(place);
  if (!node || (place && !target)) {
    missed();
    return;
  }
  if (target) node.moveTo(target, how === "over" ? "appendChild" : how);
  else node.moveTo(tree.root, "appendChild");
  if (byId("search").value) search();
  node.makeVisible();
  node.setActive();
  const body = { ids: [Number(key)], target: place && Number(place) };
  edit("move", { ...body, where: WHERE[how] }, true);
}

/** Says that an entry has gone, and shows how it stands. */
function missed() {
  toast(standing(words.gone));
  isStale = true;
  followSoon();
}

function dragging() {
  return {
    dragStart: (e) => {
      e.event.dataTransfer.effectAllowed = "move";
      isDragging = true;
      return true;
    },
    dragEnter: (e) => {
      e.event.dataTransfer.dropEffect = "move";
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

const STEPS = {
  ArrowUp: (node) => [node.getPrevSibling(), "before"],
  ArrowDown: (node) => [node.getNextSibling(), "after"],
  ArrowLeft: (node) => [node.parent.isRootNode() ? null : node.parent, "after"],
  ArrowRight: (node) => [groupBefore(node), "over"],
};

function groupBefore(node) {
  const before = node.getPrevSibling();
  return before?.type === "group" ? before : null;
}

function step(node, key) {
  const [target, how] = STEPS[key](node);
  if (target) move(node.key, target.key, how);
}

function onKey(e) {
  const { event } = e;
  const node = e.node ?? tree.getActiveNode() ?? firstFor(event); // none has the focus yet
  if (!node || event.target.closest("input")) return undefined;
  const act = keyAction(event, node);
  if (!act) return undefined;
  event.preventDefault();
  act();
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
  if (!may.change) return null;
  if (event.altKey && STEPS[key]) return () => step(node, key);
  if (key === " ") return () => toggle(node, event.shiftKey ? "web" : "mobile");
  if (key === "Enter" || key === "F2") return () => openEditor(node);
  if (key === "Delete" && may.delete) return () => askDelete(node);
  return null;
}

function at(address, node) {
  return address.replace("/0/", `/${node.key}/`);
}

function openEditor(node) {
  location.assign(`${at(urls.edit, node)}?from=workspace`);
}

// --- The menu of a row ---------------------------------------------------------

function actions(node) {
  const isGroup = node.type === "group";
  const id = Number(node.key);
  const add = (type) => () => location.assign(`${urls.add}?from=workspace&type=${type}&parent=${node.key}`);
  const isShown = node.data.mobile || node.data.web;
  const hide = () => edit("switch", { ids: [id], mobile: false, web: false }, true);
  return [
    [words.edit, may.change, () => openEditor(node)],
    [words.addChannel, may.add && isGroup, add("channel")],
    [words.addGroup, may.add && isGroup, add("group")],
    [words.moveTo, may.change, () => askPlace(node)],
    [words.duplicate, may.add, () => edit("duplicate", { ids: [id] })],
    [words.hide, may.change && isShown, hide],
    [words.history, true, () => location.assign(at(urls.history, node))],
    [words.delete, may.delete, () => askDelete(node), "danger"],
  ].filter(([, isOffered]) => isOffered);
}

function openMenu(node, anchor) {
  const menu = byId("menu");
  node.setActive();
  menu.replaceChildren(
    ...actions(node).map(([text, , act, kind]) => {
      const item = button(kind ?? "", text);
      item.setAttribute("role", "menuitem");
      item.addEventListener("click", () => {
        menu.hidePopover();
        act();
      });
      return item;
    }),
  );
  menu.showPopover();
  putBeside(menu, anchor);
  menu.firstElementChild.focus();
}

function putBeside(menu, anchor) {
  const { right, bottom, top } = anchor.getBoundingClientRect();
  const fitsBelow = bottom + menu.offsetHeight < innerHeight;
  const y = fitsBelow ? bottom : Math.max(8, top - menu.offsetHeight);
  const x = Math.min(right, innerWidth - 8) - menu.offsetWidth;
  menu.style.top = `${y}px`;
  menu.style.left = `${Math.max(8, x)}px`;
}

function walkMenu(event) {
  const items = [...event.currentTarget.children];
  const here = items.indexOf(document.activeElement);
  const steps = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: -1 };
  if (!(event.key in steps)) return;
  event.preventDefault();
  items.at(steps[event.key] % items.length).focus();
}

// --- Dialogs -------------------------------------------------------------------

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

async function askDelete(node) {
  let fate;
  try {
    await edits; // one's own, before it is asked what they are of
    fate = await get(`${urls.fate}?id=${node.key}`);
  } catch (error) {
    toast(isOffline(error) ? words.offline : error.message);
    isStale = true;
    followSoon();
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

/** Asks before the draft goes live; the form alone leads to a page that asks. */
function askEnd(event) {
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

const MOST_GROUPS = 50;

function askPlace(node) {
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

// --- What was done, and taking it back -----------------------------------------

let hiding;

function toast(text, done = null) {
  const shown = byId("toast");
  shown.replaceChildren(element("span", "", text));
  if (done && may.change) {
    const back = button("button", words.undo);
    back.addEventListener("click", () => takeBack(done));
    shown.append(back);
  }
  shown.classList.add("shown");
  clearTimeout(hiding);
  hiding = setTimeout(() => shown.classList.remove("shown"), TOAST_MS);
}

function takeBack(done) {
  byId("toast").classList.remove("shown");
  return edit("undo", { seen: done });
}

// --- The banner ----------------------------------------------------------------

let tag = "";

/** Asks how things stand; draws what has changed. */
async function refresh() {
  try {
    const answer = await fetch(urls.state, { headers: { "If-None-Match": tag } });
    if (answer.redirected) throw new Error(words.loggedOut);
    if (answer.status !== 304 && !answer.ok) throw new Error(words.offline);
    if (answer.status !== 304) {
      tag = answer.headers.get("ETag") ?? "";
      await take(await answer.json());
    } else if (byId("banner").dataset.tone === "offline") {
      drawBanner();
    }
    await follow();
  } catch (error) {
    tag = "";
    if (error.message === words.loggedOut) drawLoggedOut();
    else drawProblem(isOffline(error) ? words.offline : error.message);
  }
}

async function take(newest) {
  const isNew = newest.version !== drawn.version || newest.live !== drawn.live;
  state = newest;
  drawBanner();
  await follow();
  if (isNew) await drawPanel();
}

function drawBanner() {
  byId("banner").dataset.tone = state.tone;
  byId("headline").textContent = state.headline;
  byId("live").textContent = state.live;
  say("held", state.held);
  say("problem", state.problem);
  byId("planned").replaceChildren(...state.planned.map((plan) => element("li", "", plan)));
  const size = byId("size");
  size.max = state.size.limit;
  size.value = state.size.bytes;
  size.dataset.level = state.size.level;
  byId("size-words").textContent = state.size.words;
  const count = byId("count");
  count.hidden = !state.changes;
  count.textContent = state.changes;
  drawActions();
}

function drawActions() {
  const retry = byId("retry");
  const undo = byId("undo");
  if (retry) retry.hidden = !state.problem;
  drawHold();
  if (!undo) return;
  undo.hidden = !state.undo;
  undo.title = state.undo?.words ?? "";
  undo.replaceChildren(element("span", "", undo.title));
}

function drawHold() {
  for (const one of document.querySelectorAll("[data-held]")) {
    one.hidden = (one.dataset.held === "yes") !== Boolean(state.held);
  }
  const end = byId("end-hold");
  if (end) end.elements.held.value = state.held_at;
}

function say(id, text) {
  const place = byId(id);
  if (place.textContent !== text) place.textContent = text;
  place.hidden = !text;
}

function drawProblem(text) {
  byId("banner").dataset.tone = "offline";
  say("problem", text);
}

function drawLoggedOut() {
  drawProblem(words.loggedOut);
  const headline = byId("headline");
  if (headline.querySelector("a")) return; // somebody may be on it
  const again = element("a", "", words.logIn);
  again.href = location.pathname; // it leads to the login, and back
  headline.replaceChildren(words.loggedOutShort, " · ", again);
}

// --- Previews and changes ------------------------------------------------------

let drawn = {}; // of which version and release the panel is

async function drawPanel() {
  const panel = byId("panel");
  const wanted = tab;
  panel.setAttribute("aria-labelledby", `tab-${tab}`);
  drawn = { version: state.version, live: state.live };
  try {
    if (tab === "changes") {
      drawChanges(panel, await get(urls.changes));
    } else {
      const draft = await get(urls.document);
      if (tab === wanted) draw(panel, draft.document.items, tab, words);
    }
  } catch (error) {
    drawn = {};
    panel.replaceChildren(element("p", "problem", isOffline(error) ? words.offline : error.message));
  }
}

function drawChanges(panel, { changes, count }) {
  if (!count) {
    panel.replaceChildren(element("p", "quiet blank", words.none));
    return;
  }
  const list = element("ul", "changes");
  for (const change of changes) {
    const line = element("li", `change-${change.kind}`);
    const name = element("span");
    name.append(element("span", "", change.name), element("span", "quiet", change.words));
    line.append(element("strong", "", change.label), name);
    list.append(line);
  }
  if (count > changes.length) list.append(element("li", "quiet", words.more.replace("%s", count)));
  panel.replaceChildren(list);
}

function show(chosen) {
  tab = chosen.id.replace("tab-", "");
  sessionStorage.setItem("tab", tab);
  return drawPanel();
}

// --- Start ---------------------------------------------------------------------

function search() {
  const text = byId("search").value.trim();
  if (text) tree.filterNodes(text, { mode: "hide", autoExpand: true, noData: words.noMatch });
  else tree.clearFilter();
}

function listen() {
  byId("search").addEventListener("input", search);
  byId("expand").addEventListener("click", () => tree.expandAll(true).then(remember));
  byId("collapse").addEventListener("click", () => tree.expandAll(false).then(remember));
  byId("menu").addEventListener("keydown", walkMenu);
  byId("menu").addEventListener("toggle", followSoon);
  byId("dialog").addEventListener("close", followSoon);
  byId("end-hold")?.addEventListener("submit", askEnd);
  document.addEventListener("dragend", endDrag);
  // A row that was scrolled away hears no end of its drag; nor does the page.
  document.addEventListener("pointermove", (event) => event.buttons || endDrag());
  byId("undo")?.addEventListener("click", () => takeBack(state.undo.version));
  narrow.addEventListener("change", () => location.reload());
}

async function poll() {
  if (document.visibilityState === "visible") {
    edits = edits.then(refresh);
    await edits;
  }
  setTimeout(poll, POLL_MS);
}

listen();
drawBanner();
await load();
const choose = tabs(document.querySelector("[role=tablist]"), show);
await choose(byId(`tab-${tab}`));
document.body.dataset.ready = "true";
setTimeout(poll, POLL_MS);
