// Draws an entry as a phone shows it, with fields in place of its texts.

import { state } from "./api.js";
import { edit } from "./edits.js";
import { entryAddress, may, urls, words } from "./page.js";
import { chooser, dropZone, upload } from "./pictures.js";
import { avatar, button, element } from "./preview.js";

const MAX_NAME = 255;
const MAX_STATUS = 1000;

/** Returns the frame of an entry, and its fields by their names. */
export function drawFrame(entry) {
  const frame = element("div", "device phone");
  frame.classList.add("open", "editor");
  const inputs = { name: field("input", words.name, MAX_NAME), status: field("textarea", words.status, MAX_STATUS) };
  [inputs.name, inputs.status].forEach(enterChanges);
  const mayType = entry.key ? may.change : may.add;
  if (entry.type === "channel") inputs.message = field("textarea", words.firstMessage);
  for (const [name, input] of Object.entries(inputs)) {
    input.value = entry[name];
    input.readOnly = !mayType;
    input.classList.add(name);
  }
  const back = button("back", "‹");
  back.setAttribute("aria-label", words.close);
  const lines = element("div", "lines");
  lines.append(inputs.name, inputs.status);
  const bar = element("div", "bar");
  bar.append(back, makeFace(entry), lines);
  const talk = element("div", "talk");
  const bubbles = element("div", "bubbles");
  if (inputs.message) bubbles.append(inputs.message);
  else bubbles.append(element("p", "quiet blank", words.groupHint));
  talk.append(bar, bubbles);
  if (inputs.message) talk.append(element("div", "write quiet", words.message));
  frame.append(talk);
  if (may.change) dropZone(frame, (file) => entry.key && upload(entry.key, file));
  return { frame, inputs };
}

function field(kind, label, maxLength) {
  const made = element(kind, "field");
  made.setAttribute("aria-label", label);
  made.placeholder = label;
  if (kind === "textarea") made.rows = 1;
  if (maxLength) made.maxLength = maxLength;
  return made;
}

/** Only a message has lines of its own: elsewhere, Enter means that the text is complete. */
function enterChanges(input) {
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    input.dispatchEvent(new Event("change"));
  });
}

function makeFace(entry) {
  if (!may.change) return element("span", "face");
  const choose = button("face");
  choose.setAttribute("aria-label", words.changePicture);
  choose.title = words.changePicture;
  choose.addEventListener("click", () => entry.key && chooser((file) => upload(entry.key, file)));
  return choose;
}

/** Shows the entry's picture, unless it is shown already. */
export function drawFace(frame, { name, imageUrl, thumbUrl }) {
  const face = frame.querySelector(".face");
  const shown = JSON.stringify([name, imageUrl, thumbUrl]);
  if (face.dataset.shown === shown) return;
  face.dataset.shown = shown;
  face.replaceChildren(avatar({ name, imageUrl, thumbUrl }));
}

/** Shows the texts of two people side by side; `settle(name, isMine)` takes one. */
export function drawSides(place, disputed, reason, settle) {
  const lines = disputed.length ? [element("p", "problem", reason || words.changedByOthers)] : [];
  for (const [name, { input, theirs }] of disputed) {
    const sides = element("div", "text-sides");
    sides.dataset.field = name;
    sides.append(
      side(words.mine, input.value, words.keepMine, () => settle(name, true)),
      side(words.theirs, theirs, words.takeTheirs, () => settle(name, false)),
    );
    lines.push(sides);
  }
  showLines(place, lines);
}

function side(title, text, action, run) {
  const made = element("div");
  const choose = button("button", action);
  choose.addEventListener("click", run);
  made.append(element("strong", "", title), element("p", "", text || words.blank), choose);
  return made;
}

/** Says where the entry is seen, or what is not saved; links to all its settings. */
export function drawFoot(place, { entry, seen, unsaved, reason }) {
  const lines = [];
  if (reason) lines.push(element("p", "problem", reason));
  lines.push(unsaved ? element("p", "where quiet", unsaved) : whereLine(entry.place, entry.key, seen));
  for (const remark of entry.remarks ?? []) lines.push(element("p", "remark", remark));
  if (entry.unanswered) lines.push(answererLine(entry));
  if (entry.key) lines.push(links(entry));
  const focused = document.activeElement?.dataset?.act;
  showLines(place, lines);
  if (focused) place.querySelector(`[data-act="${focused}"]`)?.focus();
}

/** Shows lines in a place; one that is there already stays, so that no click is lost. */
export function showLines(place, lines) {
  for (const [n, line] of lines.entries()) {
    const old = place.children[n];
    if (!old) place.append(line);
    else if (!old.isEqualNode(line)) old.replaceWith(line);
  }
  while (place.children.length > lines.length) place.lastChild.remove();
}

/** Whether what clients read is at least this version of the tree. */
function isLive(version) {
  return state.tone === "ok" && state.version >= version;
}

/** Where an entry is seen, with what shows a draft. */
export function whereLine(place, key, version) {
  const line = element("p", "where");
  const isOnItsWay = place.until !== place.words && !isLive(version);
  line.dataset.tone = isOnItsWay ? "busy" : place.tone;
  line.append(element("span", "dot"), element("span", "", isOnItsWay ? place.until : place.words));
  if (place.tone === "draft" && key && may.change) {
    const show = button("link", words.showOnMobile);
    show.dataset.act = "show";
    show.addEventListener("click", () => edit("switch", { ids: [Number(key)], mobile: true }, true));
    line.append(show);
  }
  return line;
}

function answererLine(entry) {
  const line = element("p", "remark", `${entry.unanswered} `);
  const choose = element("a", "", words.chooseAnswerer);
  choose.href = `${entryAddress(urls.edit, entry.key)}#part-3`; // the form's technical part
  if (may.change) line.append(choose);
  return line;
}

function links(entry) {
  const line = element("p", "entry-links");
  const link = (address, text) => {
    const made = element("a", "", text);
    made.href = entryAddress(address, entry.key);
    line.append(made);
  };
  if (may.change) link(urls.edit, words.allSettings);
  link(urls.history, words.history);
  if (may.change && (entry.imageUrl || entry.thumbUrl)) {
    const remove = button("link", words.removePicture);
    remove.dataset.act = "picture";
    remove.addEventListener("click", () => upload(entry.key, null));
    line.append(remove);
  }
  return line;
}
