// The entry that is open in the panel: its texts and its picture, where people see them.
//
// A text is saved when its field is left, on Enter, or after a pause; until then
// drafts.js keeps it. Of each field, `base` is the stored text, `sent` the typed one
// that was stored as it, `theirs` what somebody else stored meanwhile.

import { get, isOffline } from "./api.js";
import { firstKept, forget, forgetAll, keep, kept, newKey } from "./drafts.js";
import { edit, toastReport } from "./edits.js";
import { drawFace, drawFoot, drawFrame, drawSides } from "./entry.js";
import { urls, withParameters, words } from "./page.js";
import { element } from "./preview.js";
import { tree } from "./tree.js";

const LIVE_DELAY = 4000; // milliseconds: half a sentence should not go live
const DELAY = 1000;

let now = null; // what is open: { entry, draft, seen, fields, place, reason, … }
let opened = 0; // how often something was opened or closed
let saving = 0; // how many entries are being saved

/** Returns the key of the open entry: "" if it is not made yet, null if none is open. */
export const openKey = () => now && (now.entry.key ?? "");

/** Whether a text is kept that nothing is about to save. */
export const isStuck = () => !saving && firstKept() !== undefined;

// --- Opening and closing -----------------------------------------------------------

/** Shows an entry in a place, with the texts that were not saved. */
export async function open(place, key, { focus = false } = {}) {
  const own = (opened += 1);
  save();
  if (kept(key)?.type) {
    openNew(place, kept(key).type, kept(key).group, key);
    return;
  }
  try {
    const { version, entry } = await get(withParameters(urls.entry, { id: key }));
    if (own === opened) start(place, entry, version, key);
  } catch (error) {
    if (error.isConflict) forgetAll(key); // it was deleted
    throw error;
  }
  if (own === opened && focus) focusName();
}

/** Shows the fields of a new entry, which is made as soon as it has a name. */
export function openNew(place, type, group, draft = newKey()) {
  opened += 1;
  save();
  const hint = { tone: "new", words: words.newHint, until: words.newHint };
  const texts = { name: "", status: "", message: "", imageUrl: "", thumbUrl: "" };
  start(place, { key: null, type, group, ...texts, place: hint }, 0, draft);
  focusName();
}

function start(place, entry, seen, draft) {
  const { frame, inputs } = drawFrame(entry);
  const own = { entry, seen, draft, place, frame, fields: {}, reason: "", isSaving: false };
  for (const [name, input] of Object.entries(inputs)) {
    own.fields[name] = { input, base: entry[name], sent: null, theirs: null };
    for (const event of ["blur", "change"]) input.addEventListener(event, () => save(own));
  }
  frame.addEventListener("input", () => {
    keepTexts(own);
    schedule(own);
    redraw();
  });
  putBack(own);
  now = own;
  place.replaceChildren(frame, element("div"), element("div", "entry-foot"));
  schedule(own);
  redraw();
}

/** Puts texts back that were typed and not saved; forgets those that are stored. */
function putBack({ draft, fields }) {
  for (const [name, { base, text }] of Object.entries(kept(draft)?.texts ?? {})) {
    const field = fields[name];
    if (text === field?.base) forget(draft, { [name]: text }); // only the response was lost
    if (!field || text === field.base) continue;
    field.input.value = text;
    if (base !== field.base) [field.base, field.theirs] = [base, field.base];
  }
}

function focusName() {
  if (now.fields.name.input.readOnly) return;
  now.fields.name.input.focus();
  now.fields.name.input.select();
}

/** Saves and closes; what cannot be saved is there when the entry is opened again. */
export function close() {
  opened += 1;
  save();
  if (now?.isGone) forgetAll(now.draft);
  now = null;
}

// --- Saving ------------------------------------------------------------------------

/** [name, field] of the texts that are not saved. */
function dirty({ fields }) {
  return Object.entries(fields).filter(([, { input, base, sent }]) => input.value !== base && input.value !== sent);
}

function keepTexts({ draft, entry, fields }) {
  const { type, group } = entry.key ? {} : entry;
  for (const [name, { input, base }] of Object.entries(fields)) keep(draft, name, base, input.value, { type, group });
}

function schedule(own) {
  clearTimeout(own.timer);
  const delay = own.entry.place.tone === "live" ? LIVE_DELAY : DELAY;
  if (dirty(own).length) own.timer = setTimeout(() => save(own), delay);
}

/** Sends what is not saved, except what waits for a decision. */
export function save(own = now) {
  clearTimeout(own?.timer);
  if (!own || own.isSaving || own.isGone) return;
  const ready = dirty(own).filter(([, { theirs }]) => theirs === null);
  const texts = Object.fromEntries(ready.map(([name, { input }]) => [name, input.value]));
  const isNew = !own.entry.key;
  if (!ready.length || (isNew && !texts.name?.trim())) return;
  own.isSaving = true;
  saving += 1;
  redraw();
  if (isNew) make(own, texts.name);
  else write(own, texts);
}

function write(own, texts) {
  const was = Object.fromEntries(Object.keys(texts).map((name) => [name, own.fields[name].base]));
  const report = { done: () => onSaved(own, texts), failed: (error) => onFailed(own, error) };
  edit("write", { ids: [Number(own.entry.key)], texts, was, seen: own.seen }, true, report);
}

function make(own, name) {
  const { type, group } = own.entry;
  const isOurs = (one) => one.data.uuid === own.draft;
  const done = async (made) => {
    const row = made.entries.find(({ uuid }) => uuid === own.draft);
    const node = tree.findFirst(isOurs);
    own.entry.key = row?.key ?? node?.key ?? null;
    own.seen = made.version; // nobody saw it before
    if (!own.entry.key) throw new Error(words.notSaved);
    toastReport.done(made);
    forgetAll(own.draft);
    own.draft = own.entry.key;
    if (own === now) await node?.setActive();
    await onSaved(own, { name });
  };
  const failed = (error) => onFailed(own, error);
  edit("create", { key: own.draft, type, name, group: group && Number(group) }, false, { done, failed });
}

async function onSaved(own, texts) {
  own.reason = "";
  for (const [name, text] of Object.entries(texts)) Object.assign(own.fields[name], { base: text, sent: text });
  forget(own.draft, texts);
  await fetchEntry(own, texts).catch(() => {}); // repeated with the next state
  settleDown(own);
  save(own); // what was typed meanwhile, even if the entry is not open any more
}

async function onFailed(own, error) {
  own.reason = isOffline(error) ? words.notSaved : error.message;
  if (own !== now) toastReport.failed(error);
  else if (error.isConflict && own.entry.key) await fetchEntry(own).catch(() => {});
  settleDown(own);
}

function settleDown(own) {
  own.isSaving = false;
  saving -= 1;
  keepTexts(own);
  redraw();
}

// --- What others do meanwhile ------------------------------------------------------

/** Shows what is newer than the fields; never over what is being typed. */
export async function follow() {
  if (now?.entry.key && !now.isSaving && !now.isGone) await fetchEntry(now);
  else redraw();
}

async function fetchEntry(own, saved = {}) {
  try {
    const { version, entry } = await get(withParameters(urls.entry, { id: own.entry.key }));
    own.seen = version;
    for (const [name, field] of Object.entries(own.fields)) follows(field, entry[name], saved[name]);
    Object.assign(own.entry, entry);
    if (own === now) schedule(own);
  } catch (error) {
    if (!error.isConflict) throw error;
    // The text stays to be copied, until its owner closes the panel.
    own.isGone = true;
    own.reason = error.message;
    for (const { input } of Object.values(own.fields)) input.readOnly = true;
  }
  redraw();
}

/** Makes a field follow the stored text; `saved` is what was just sent. */
function follows(field, text, saved) {
  const { input, base, sent } = field;
  const isTyped = ![base, sent, text].includes(input.value);
  if (text === base) {
    field.theirs = null;
  } else if (saved?.trim() === text.trim()) {
    field.base = text; // what is typed stays as it is
  } else if (isTyped) {
    field.theirs = text;
  } else {
    Object.assign(field, { base: text, sent: null, theirs: null });
    input.value = text;
  }
}

/** Settles a text that two people wrote. */
function settle(name, isMine) {
  const own = now;
  const field = own.fields[name];
  [field.base, field.theirs, own.reason] = [field.theirs, null, ""];
  if (!isMine) {
    field.input.value = field.base;
    field.input.focus();
  }
  keepTexts(own);
  save(own);
  redraw();
}

/** Redraws what is around the fields: the state may have changed. */
export function redraw() {
  if (!now || now.place.firstChild !== now.frame) return;
  const { entry, seen, fields, isSaving, isGone, reason, place } = now;
  const [frame, sides, foot] = place.children;
  const disputed = Object.entries(fields).filter(([, { theirs }]) => theirs !== null);
  drawFace(frame, entry);
  drawSides(sides, isGone ? [] : disputed, reason, settle);
  const isUnsaved = entry.key && dirty(now).length > 0;
  const unsaved = isSaving ? words.saving : isUnsaved ? words.unsaved : "";
  drawFoot(foot, { entry, seen, unsaved: isGone ? "" : unsaved, reason: disputed.length && !isGone ? "" : reason });
}
