// Texts that are typed and not saved yet: kept in this tab until the server has them.
//
// They outlive a reload, another language, and a session that has expired. They are
// those of one person: the next one who logs in here does not get them. An entry that
// is not made yet has a key of its own, its `type` and its `group`.

import { inCampaign, user } from "./page.js";

const PLACE = `drafts ${user} ${inCampaign ?? ""}`;

function all() {
  return JSON.parse(sessionStorage.getItem(PLACE) ?? "{}");
}

function store(key, own) {
  const drafts = all();
  if (own && Object.keys(own.texts).length) drafts[key] = own;
  else delete drafts[key];
  if (Object.keys(drafts).length) sessionStorage.setItem(PLACE, JSON.stringify(drafts));
  else sessionStorage.removeItem(PLACE);
}

/** Returns a new UUID; randomUUID() exists on pages with HTTPS only. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40; // version 4 (RFC 9562)
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** Keeps a text of an entry, and the stored one that it replaces, if they differ. */
export function keep(key, name, base, text, about = {}) {
  const own = { texts: {}, ...about, ...all()[key] };
  if (text === base) delete own.texts[name];
  else own.texts[name] = { base, text };
  store(key, own);
}

/** Returns what is kept of an entry: its texts by their names, each { base, text }. */
export function kept(key) {
  return all()[key];
}

/** Forgets the texts with these names, unless something else was typed since. */
export function forget(key, texts) {
  const own = all()[key];
  if (!own) return;
  for (const [name, text] of Object.entries(texts)) {
    if (own.texts[name]?.text === text) delete own.texts[name];
  }
  store(key, own);
}

export function forgetAll(key) {
  store(key, null);
}

/** Returns an entry with texts that were not saved; undefined if there is none. */
export function firstKept() {
  return Object.keys(all())[0];
}
