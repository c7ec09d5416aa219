// Draws a document as a phone or a webchat shows it. Used by the workspace and
// by the pages of a version.

import { rows as withDepth, shown } from "../client/document.js";

const PLATFORMS = { phone: "mobile", webchat: "web" };
const MAX_ROWS = 300;

/**
 * Draws `items` of a document as `app` ("phone" or "webchat") into `place`.
 *
 * `onOpen` is called with the item that is clicked; without it, its conversation opens,
 * and stays open when the place is drawn again. `marks` has { kind, label } of items, by
 * their addresses.
 */
export function draw(place, items, app, { words, onOpen = null, marks = {} }, maxRows = MAX_ROWS) {
  const before = place.querySelector(`.device.${app}.open`)?.dataset.address;
  const frame = element("div", `device ${app}`);
  const rows = [...withDepth(shown(items, PLATFORMS[app]))];
  const list = element("ul", "chats");
  const conversation = element("div", "talk");
  for (const { item, depth } of rows.slice(0, maxRows)) {
    const row = chat(item, depth, onOpen, () => open(frame, conversation, item, words));
    const mark = marks[item.address];
    if (mark) row.querySelector(".lines").append(element("em", `mark-${mark.kind}`, mark.label));
    list.append(row);
  }
  frame.append(element("div", "bar", words.chats), list, conversation);
  place.replaceChildren(frame);
  if (!rows.length) list.append(element("li", "quiet blank", words.empty));
  if (rows.length > maxRows) {
    const more = button("button", words.showAll.replace("%s", rows.length));
    more.addEventListener("click", () => draw(place, items, app, { words, onOpen, marks }, Infinity));
    place.append(more);
  }
  const channels = rows.filter(({ item }) => item.type === "channel");
  const opened = channels.find(({ item }) => item.address === before);
  const first = opened ?? (app === "webchat" ? channels[0] : null);
  if (first) open(frame, conversation, first.item, words);
}

function chat(item, depth, onOpen, openConversation) {
  const row = element("li", `chat ${item.type}`);
  row.style.setProperty("--depth", Math.min(depth, 6));
  const lines = element("span", "lines");
  lines.append(
    element("strong", "", item.info.name),
    element("span", "quiet", item.info.status),
  );
  const isButton = onOpen || item.type === "channel";
  const content = isButton ? button("") : element("div");
  content.append(avatar(item.info), lines);
  if (isButton) content.addEventListener("click", () => (onOpen ? onOpen(item) : openConversation()));
  row.append(content);
  return row;
}

function open(frame, conversation, item, words) {
  const bar = element("div", "bar");
  const back = button("back", "‹");
  back.setAttribute("aria-label", words.back);
  back.addEventListener("click", () => frame.classList.remove("open"));
  bar.append(back, avatar(item.info), element("strong", "", item.info.name));
  const bubbles = element("div", "bubbles");
  const greeting = unlessBlank(item.info.defaultMessage);
  if (greeting) bubbles.append(element("p", "bubble", greeting));
  conversation.replaceChildren(bar, bubbles, element("div", "write quiet", words.message));
  frame.dataset.address = item.address;
  frame.classList.add("open");
}

/** The text, or "" if it has only blanks: a blank default message is no message. */
export function unlessBlank(text) {
  return text.trim() ? text : "";
}

/** A picture, or the first letter if there is none or it does not load. */
export function avatar(info) {
  const letter = element("span", "avatar", [...info.name.trim()][0] ?? "?");
  letter.setAttribute("aria-hidden", "true");
  const address = [info.thumbUrl, info.imageUrl].find(isAddress);
  if (!address) return letter;
  const made = picture(address, "avatar");
  made.addEventListener("error", () => made.replaceWith(letter));
  return made;
}

/** An image that says nothing to a screen reader, and nothing to its server about us. */
export function picture(address, classes = "") {
  const made = element("img", classes);
  made.alt = "";
  made.loading = "lazy";
  made.referrerPolicy = "no-referrer";
  made.src = address;
  return made;
}

/** Whether a browser can load it: the contract's examples say "http://....". */
export function isAddress(text) {
  if (!/^(https?:\/\/|\/\w)/.test(text)) return false;
  try {
    return !/^\.*$|\.\./.test(new URL(text, location.href).hostname);
  } catch {
    return false;
  }
}

export function element(name, classes = "", text = "") {
  const made = document.createElement(name);
  if (classes) made.className = classes;
  if (text) made.textContent = text;
  return made;
}

export function button(classes, text = "") {
  const made = element("button", classes, text);
  made.type = "button";
  return made;
}
