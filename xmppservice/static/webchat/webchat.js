// The webchat: logs in, follows the document, holds conversations.

import { element, unlessBlank } from "../buddies/preview.js";
import { channels, drawTree, entryNodes, keyOf, keyOfAddress } from "./channels.js";
import { find, pauses, service, setText, url, words } from "./page.js";
import { Session } from "./session.js";

const MAX_PAUSE_MILLISECONDS = 60_000; // between two attempts to connect

let session = null;
let drawnText = null; // the document that is drawn
let timer = 0;
let current = "";
let isLinkPending = true; // that of the page: /webchat/#ADDRESS
const conversations = new Map(); // by key

// --- Logging in and reconnecting -----------------------------------------------

async function connect(jid, password) {
  const newSession = new Session(url, service, {
    message: receive,
    failure: markFailed,
    document: draw,
    // If both came back, neither would stay.
    end: (condition) => (condition === "conflict" ? askAgain(words.elsewhere) : reconnect(jid, password)),
  });
  await newSession.open(jid, password);
  session = newSession;
  find("me").textContent = jid;
  find("login").hidden = true;
  find("chat").hidden = false;
  setText(find("problem"), "");
  await refresh();
}

async function logIn(jid, password) {
  setText(find("refused"), "");
  try {
    await connect(jid, password);
  } catch (error) {
    setText(find("refused"), error.message === "refused" ? words.refused : words.closed);
  }
}

/** Shows the login again, and why. */
function askAgain(why) {
  session = null;
  clearTimeout(timer);
  find("chat").hidden = true;
  find("login").hidden = false;
  setText(find("refused"), why);
}

async function reconnect(jid, password, pause = 1000) {
  session = null;
  clearTimeout(timer);
  setText(find("problem"), words.away);
  timer = setTimeout(() => {
    connect(jid, password).catch((error) => {
      if (error.message === "refused") askAgain(words.refused);
      else reconnect(jid, password, Math.min(2 * pause, MAX_PAUSE_MILLISECONDS));
    });
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
  const reading = session;
  try {
    const text = await reading.service.read();
    if (session !== reading) return;
    if (text !== drawnText) draw(text);
    setText(find("problem"), "");
  } catch {
    // The timer is that of the next connection, if this one has ended.
    if (session !== reading) return;
    setText(find("problem"), words.unread);
  }
  scheduleRefresh();
}

// Poll rarely once the service announces changes.
function scheduleRefresh() {
  clearTimeout(timer);
  if (!session || document.hidden) return;
  timer = setTimeout(refresh, session.service.live ? pauses.fallback : pauses.refresh);
}

function draw(text) {
  drawnText = text;
  drawTree(text, { route: (item) => session.service.route(item), open });
  mark();
  openLink();
}

document.addEventListener("visibilitychange", () => {
  if (session && !document.hidden) refresh();
});

// --- Which channel is open -----------------------------------------------------

/** Marks the open channel, and shows whether it is still published. */
function mark() {
  for (const button of find("tree").querySelectorAll("button")) {
    const { key } = button.dataset;
    if (key === current) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
    button.classList.toggle("unread", Boolean(conversations.get(key)?.unread));
  }
  if (!current) return;
  const openChannel = channels.get(current);
  if (openChannel) showHeader(openChannel.item);
  for (const control of find("write").elements) control.disabled = !openChannel;
  setText(find("gone"), openChannel ? "" : words.gone);
}

/** Opens the channel that the page's link names, unless the user has opened another. */
function openLink() {
  const key = isLinkPending && keyOfAddress(linkedAddress());
  // A channel may be published a moment later than its page.
  if (!key) return;
  open(key);
  find("tree").querySelector("[aria-current]").scrollIntoView({ block: "nearest" });
}

function linkedAddress() {
  try {
    return decodeURIComponent(location.hash.slice(1)).normalize("NFC");
  } catch {
    return ""; // of a malformed link
  }
}

addEventListener("hashchange", () => {
  isLinkPending = true;
  if (session) openLink();
});

// --- A conversation ------------------------------------------------------------

function conversationOf(key) {
  if (!conversations.has(key)) conversations.set(key, { messages: [], draft: "", unread: false });
  return conversations.get(key);
}

function open(key) {
  isLinkPending = false;
  if (current) conversationOf(current).draft = find("text").value;
  current = key;
  const conversation = conversationOf(key);
  conversation.unread = false;
  find("text").value = conversation.draft;
  find("none").hidden = true;
  find("talk").hidden = false;
  find("chat").classList.add("open");
  redraw(conversation.messages);
  mark();
  find("text").focus();
}

function showHeader({ info }) {
  const [picture] = entryNodes({ info });
  find("picture").replaceChildren(picture);
  find("name").textContent = info.name;
  find("status").textContent = info.status;
  setText(find("greeting"), unlessBlank(info.defaultMessage));
}

function bubble({ body, isMine, failed }) {
  const row = element("p", isMine ? "bubble mine" : "bubble", body);
  if (failed) row.append(element("span", "problem", words.nobody));
  return row;
}

function redraw(messages) {
  find("messages").replaceChildren(find("greeting"));
  messages.forEach(append);
}

function append(message) {
  const log = find("messages");
  log.append(bubble(message));
  log.scrollTop = log.scrollHeight;
}

function add(key, message) {
  conversationOf(key).messages.push(message);
  if (key === current) append(message);
  else conversationOf(key).unread = true;
  mark();
}

function receive({ from, thread, body }) {
  add(keyOf(from, thread), { body, isMine: false });
}

function markFailed(id) {
  for (const [key, { messages }] of conversations) {
    const message = messages.find((one) => one.id === id);
    if (!message) continue;
    message.failed = true;
    if (key === current) redraw(messages);
  }
}

function send() {
  const body = find("text").value;
  if (!session || !body.trim()) return;
  add(current, { body, isMine: true, id: session.service.write(channels.get(current).item, body) });
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
