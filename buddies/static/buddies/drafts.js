// Texts that are typed and not saved yet: kept in this tab until the server has them.
//
// They outlive a reload, another language, and a session that has expired. They are
// those of one person: the next one who logs in here does not get them.

import { inCampaign, user } from "./page.js";

const PLACE = `drafts ${user} ${inCampaign ?? ""}`;

function all() {
  return JSON.parse(sessionStorage.getItem(PLACE) ?? "{}");
}

function store(drafts) {
  if (Object.keys(drafts).length) sessionStorage.setItem(PLACE, JSON.stringify(drafts));
  else sessionStorage.removeItem(PLACE);
}

/** Keeps a text of an entry, and the stored one that it replaces. */
export function keep(key, name, base, text) {
  const drafts = all();
  const own = { ...drafts[key], [name]: { base: drafts[key]?.[name]?.base ?? base, text } };
  store({ ...drafts, [key]: own });
}

/** Returns the kept texts of an entry by their names: { base, text }. */
export function kept(key) {
  return all()[key] ?? {};
}

/** Forgets the texts with these names, unless something else was typed since. */
export function forget(key, texts) {
  const drafts = all();
  const own = { ...drafts[key] };
  for (const [name, text] of Object.entries(texts)) {
    if (own[name]?.text === text) delete own[name];
  }
  delete drafts[key];
  store(Object.keys(own).length ? { ...drafts, [key]: own } : drafts);
}

/** Returns an entry with texts that were not saved; undefined if there is none. */
export function firstKept() {
  return Object.keys(all())[0];
}
