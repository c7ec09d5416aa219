// The entry that is open in the panel: its texts and its picture, where people see them.
//
// A text is saved when its field is left, on Enter, or when nothing was typed for a
// while. Until the server has it, drafts.js keeps it. A field differs from its `base`
// while it is not saved; `theirs` is what somebody else wrote meanwhile.

import { get, isOffline } from "./api.js";
import { forget, keep, kept } from "./drafts.js";
import { edit, toastReport } from "./edits.js";
import { drawFace, drawFoot, drawFrame, drawSides } from "./entry.js";
import { may, urls, withParameters, words } from "./page.js";
import { element } from "./preview.js";
import { tree } from "./tree.js";

const LIVE_DELAY = 4000; // milliseconds: half a sentence should not go live
const DELAY = 1000;

let now = null; // what is open: { entry, seen, fields, place, reason, isSaving, timer }

/** Returns the key of the open entry: "" if it is not made yet, null if none is open. */
export function openKey() {
  return now && (now.entry.key ?? "");
}

/** Whether a text could not be saved. */
export function isStuck() {
  return Boolean(now?.reason) && dirty(now).length > 0;
}

// --- Opening and closing -----------------------------------------------------------

/** Shows an entry in a place, with the texts that were not saved. */
export async function open(place, key, { focus = false } = {}) {
  save();
  const { version, entry } = await get(withParameters(urls.entry, { id: key }));
  start(place, entry, version);
  for (const [name, { base, text }] of Object.entries(kept(key))) {
    const field = now.fields[name];
    if (!field || text === field.base) continue;
    field.input.value = text;
    if (base !== field.base) field.theirs = field.base;
  }
  schedule();
  redraw();
  if (focus) focusName();
}

/** Shows the fields of a new entry, which is made as soon as it has a name. */
export function openNew(place, type, group) {
  save();
  const hint = { tone: "new", words: words.newHint, until: words.newHint };
  const texts = { name: "", status: "", message: "", imageUrl: "", thumbUrl: "" };
  start(place, { key: null, type, group, ...texts, place: hint }, 0);
  redraw();
  focusName();
}

function start(place, entry, seen) {
  const { frame, inputs } = drawFrame(entry);
  const fields = {};
  for (const [name, input] of Object.entries(inputs)) {
    fields[name] = { input, base: entry[name], theirs: null };
    input.addEventListener("input", () => onInput(name));
    input.addEventListener("blur", save);
  }
  inputs.name.addEventListener("keydown", (event) => event.key === "Enter" && save());
  now = { entry, seen, fields, place, reason: "", isSaving: false };
  place.replaceChildren(frame, element("div"), element("div", "entry-foot"));
}

function focusName() {
  if (!may.change) return;
  now.fields.name.input.focus();
  now.fields.name.input.select();
}

/** Saves and closes; what cannot be saved is there when the entry is opened again. */
export function close() {
  save();
  now = null;
}

// --- Saving ------------------------------------------------------------------------

/** [name, field] of the texts that are not saved. */
function dirty({ fields }) {
  return Object.entries(fields).filter(([, { input, base }]) => input.value !== base);
}

function onInput(name) {
  const { input, base } = now.fields[name];
  if (now.entry.key) keep(now.entry.key, name, base, input.value);
  schedule();
  redraw();
}

function schedule() {
  clearTimeout(now.timer);
  const delay = now.entry.place.tone === "live" ? LIVE_DELAY : DELAY;
  if (dirty(now).length) now.timer = setTimeout(save, delay);
}

/** Sends what is not saved, except what waits for a decision. */
export function save() {
  clearTimeout(now?.timer);
  if (!now || now.isSaving) return;
  const own = now;
  const ready = dirty(own).filter(([, { theirs }]) => theirs === null);
  const texts = Object.fromEntries(ready.map(([name, { input }]) => [name, input.value]));
  const isNew = !own.entry.key;
  if (!ready.length || (isNew && !texts.name?.trim())) return;
  own.isSaving = true;
  redraw();
  if (isNew) make(own, texts.name);
  else write(own, texts);
}

function write(own, texts) {
  const report = { done: () => onSaved(own, texts), failed: (error) => onFailed(own, error) };
  edit("write", { ids: [Number(own.entry.key)], texts, seen: own.seen }, true, report);
}

function make(own, name) {
  const { type, group } = own.entry;
  const done = async (made) => {
    toastReport.done(made);
    own.entry.key = made.entries[0].key;
    own.seen = made.version; // nobody saw it before
    if (own === now) await tree.findKey(own.entry.key)?.setActive();
    await onSaved(own, { name });
  };
  const failed = (error) => onFailed(own, error);
  edit("create", { type, name, group: group && Number(group) }, false, { done, failed });
}

async function onSaved(own, texts) {
  own.isSaving = false;
  own.reason = "";
  forget(own.entry.key, texts);
  for (const [name, text] of Object.entries(texts)) own.fields[name].base = text;
  if (own === now) await fetchEntry();
}

async function onFailed(own, error) {
  own.isSaving = false;
  own.reason = isOffline(error) ? words.notSaved : error.message;
  if (own !== now) {
    toastReport.failed(error);
    return;
  }
  if (error.isConflict && own.entry.key) await fetchEntry().catch(() => {});
  redraw();
}

// --- What others do meanwhile ------------------------------------------------------

/** Shows what is newer than the fields; never over what is being typed. */
export async function follow() {
  if (now?.entry.key && !now.isSaving) await fetchEntry();
  else redraw();
}

async function fetchEntry() {
  const own = now;
  const { version, entry } = await get(withParameters(urls.entry, { id: own.entry.key }));
  if (own !== now) return;
  own.seen = version;
  for (const [name, field] of Object.entries(own.fields)) follows(field, entry[name]);
  Object.assign(own.entry, entry);
  schedule();
  redraw();
}

function follows(field, text) {
  const { input, base } = field;
  if (text === base) return;
  const isTyped = input.value !== base && input.value !== text;
  field.theirs = isTyped ? text : null;
  if (!isTyped) field.base = input.value = text;
}

/** Settles a text that two people wrote. */
function settle(name, isMine) {
  const field = now.fields[name];
  field.base = field.theirs;
  field.theirs = null;
  now.reason = "";
  if (isMine) save();
  else take(name, field);
  redraw();
}

function take(name, field) {
  forget(now.entry.key, { [name]: field.input.value });
  field.input.value = field.base;
  field.input.focus();
}

/** Redraws what is around the fields: the state may have changed. */
export function redraw() {
  if (!now) return;
  const { entry, seen, fields, isSaving, reason, place } = now;
  const [frame, sides, foot] = place.children;
  const disputed = Object.entries(fields).filter(([, { theirs }]) => theirs !== null);
  drawFace(frame, entry);
  drawSides(sides, disputed, reason, settle);
  const isUnsaved = entry.key && dirty(now).length > 0;
  const unsaved = isSaving ? words.saving : isUnsaved ? words.unsaved : "";
  drawFoot(foot, { entry, seen, unsaved, reason: disputed.length ? "" : reason });
}
