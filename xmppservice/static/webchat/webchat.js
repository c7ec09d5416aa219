// The webchat: logs in, follows the document, holds conversations.

import { element } from "../buddies/preview.js";
import { channels, drawTree, face, keyOf } from "./channels.js";
import { find, pauses, say, service, url, words } from "./page.js";
import { Session, route } from "./session.js";

const LONGEST = 30_000; // milliseconds between two attempts to connect

let session = null;
let shown = null; // the document that is drawn
let seen = ""; // the newest hash that the service has announced
let timer = 0;
let current = "";
const talks = new Map(); // conversations, by key

// --- Logging in and reconnecting -----------------------------------------------

async function enter(jid, password) {
  const joined = new Session(url, service, {
    message: receive,
    failure: bounce,
    change: announced,
    end: () => comeBack(jid, password),
  });
  await joined.open(jid, password);
  session = joined;
  find("me").textContent = jid;
  find("login").hidden = true;
  find("chat").hidden = false;
  say(find("problem"), "");
  await refresh();
}

async function logIn(jid, password) {
  say(find("refused"), "");
  try {
    await enter(jid, password);
  } catch (error) {
    say(find("refused"), error.message === "refused" ? words.refused : words.closed);
  }
}

async function comeBack(jid, password, pause = 1000) {
  session = null;
  clearTimeout(timer);
  say(find("problem"), words.away);
  timer = setTimeout(() => {
    enter(jid, password).catch(() => comeBack(jid, password, Math.min(2 * pause, LONGEST)));
  }, pause);
}

find("users")?.addEventListener("click", ({ target }) => {
  const { jid, password } = target.dataset;
  if (jid) logIn(jid, password);
});

find("account").addEventListener("submit", (event) => {
  event.preventDefault();
  logIn(find("jid").value, find("password").value);
});

find("leave").addEventListener("click", () => {
  session?.close();
  location.reload();
});

// --- Following the document ----------------------------------------------------

async function refresh() {
  clearTimeout(timer);
  try {
    const text = await session.document();
    if (text !== shown) draw(text);
    say(find("problem"), "");
  } catch {
    if (session) say(find("problem"), words.unread);
  }
  plan();
}

// Poll rarely once the service announces changes.
function plan() {
  clearTimeout(timer);
  if (!session || document.hidden) return;
  timer = setTimeout(refresh, seen ? pauses.fallback : pauses.refresh);
}

function announced(hash) {
  if (hash === seen) return;
  seen = hash;
  refresh();
}

function draw(text) {
  shown = text;
  drawTree(text, { route: (item) => route(item, session.domain), open });
  mark();
}

document.addEventListener("visibilitychange", () => {
  if (session && !document.hidden) refresh();
});

// --- Which channel is open -----------------------------------------------------

/** Marks the open channel, and shows whether it is still published. */
function mark() {
  for (const one of find("tree").querySelectorAll("button")) {
    const { key } = one.dataset;
    if (key === current) one.setAttribute("aria-current", "true");
    else one.removeAttribute("aria-current");
    one.classList.toggle("unread", Boolean(talks.get(key)?.unread));
  }
  if (!current) return;
  const found = channels.get(current);
  if (found) head(found.item);
  for (const one of find("write").elements) one.disabled = !found;
  say(find("gone"), found ? "" : words.gone);
}

// --- A conversation ------------------------------------------------------------

function talkOf(key) {
  if (!talks.has(key)) talks.set(key, { messages: [], draft: null, unread: false });
  return talks.get(key);
}

function open(key) {
  if (current) talkOf(current).draft = find("text").value;
  current = key;
  const talk = talkOf(key);
  talk.draft ??= channels.get(key).item.info.defaultMessage;
  talk.unread = false;
  find("text").value = talk.draft;
  find("none").hidden = true;
  find("talk").hidden = false;
  find("chat").classList.add("open");
  redraw(talk.messages);
  mark();
  find("text").focus();
}

function head({ info }) {
  const [picture] = face({ info });
  find("picture").replaceChildren(picture);
  find("name").textContent = info.name;
  find("status").textContent = info.status;
}

function bubble({ body, isMine, failed }) {
  const row = element("p", isMine ? "bubble mine" : "bubble", body);
  if (failed) row.append(element("span", "problem", words.nobody));
  return row;
}

function redraw(messages) {
  find("messages").replaceChildren();
  messages.forEach(append);
}

function append(message) {
  const log = find("messages");
  log.append(bubble(message));
  log.scrollTop = log.scrollHeight;
}

function add(key, message) {
  talkOf(key).messages.push(message);
  if (key === current) append(message);
  else talkOf(key).unread = true;
  mark();
}

function receive({ from, thread, body }) {
  add(keyOf(from, thread), { body, isMine: false });
}

function bounce(id) {
  for (const [key, { messages }] of talks) {
    const message = messages.find((one) => one.id === id);
    if (!message) continue;
    message.failed = true;
    if (key === current) redraw(messages);
  }
}

function send() {
  const body = find("text").value;
  if (!session || !body.trim()) return;
  add(current, { body, isMine: true, id: session.send(channels.get(current), body) });
  find("text").value = "";
  find("text").focus();
}

find("write").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});

find("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});

find("back").addEventListener("click", () => {
  find("chat").classList.remove("open");
  find("tree").querySelector("[aria-current]")?.focus();
});
