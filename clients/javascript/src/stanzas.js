// Reading and writing stanzas with Strophe.

import { readAnswer } from "./commands.js";

const COMMAND = "urn:xmppservice:command:1";
const DOCUMENT = "urn:xmppservice:document:1";
const HINTS = "urn:xmpp:hints";
const RECEIPTS = "urn:xmpp:receipts";

/** Returns a command's message to `to`, as a Strophe builder. */
export function envelope($msg, to, { id, word, payload }) {
  return $msg({ to, id, type: "chat" })
    .c("body")
    .up()
    .c("x", { xmlns: COMMAND })
    .c("type", {}, word)
    .c("action", {}, word)
    .c("payload", {}, payload)
    .up()
    .c("request", { xmlns: RECEIPTS })
    .up()
    .c("no-store", { xmlns: HINTS })
    .up()
    .c("no-copy", { xmlns: HINTS });
}

/** Returns a message with a text, as a Strophe builder. */
export function textMessage($msg, { to, thread, id, text }) {
  const message = $msg({ to, id, type: "chat" });
  if (thread) message.c("thread").t(thread).up();
  return message.c("body").t(text);
}

/** Returns the bytes of a builder's stanza, as it is written to the stream. */
export function bytesOf(stanza) {
  return new TextEncoder().encode(stanza.toString()).length;
}

/** Returns the bytes that a connection is still to send. */
export function unwrittenBytes(connection) {
  // oxlint-disable-next-line no-underscore-dangle -- Strophe has no other name for its socket
  return connection._proto?.socket?.bufferedAmount ?? 0;
}

/** Returns what came for a command, and its id; null if a message is nothing of that. */
export function readMessage(stanza) {
  const id = stanza.getAttribute("id") ?? "";
  if (stanza.getAttribute("type") === "error") {
    const type = child(stanza, "error")?.getAttribute("type") ?? "cancel";
    return { id, event: { kind: "error", type, condition: conditionOf(stanza) } };
  }
  const receipt = child(stanza, "received", RECEIPTS);
  if (receipt) return { id: receipt.getAttribute("id") ?? "", event: { kind: "receipt" } };
  const answer = readAnswer(textOf(child(child(stanza, "x", COMMAND), "payload")));
  return answer && { id, event: { kind: "answer", answer } };
}

/** Returns what presence says of the live document; null if it says nothing. */
export function readLive(stanza) {
  const element = child(stanza, "document", DOCUMENT);
  if (!element) return null;
  const [hash, version, url] = ["hash", "version", "url"].map((name) => element.getAttribute(name) ?? "");
  return { hash, version: Number(version), url };
}

/** Returns a handler that Strophe keeps, because it returns true. */
export function keep(take) {
  return (stanza) => {
    take(stanza);
    return true;
  };
}

/** Returns a direct child; a forwarded message may contain deeper ones. */
export function child(parent, name, namespace) {
  const children = Array.from(parent?.childNodes ?? []);
  return children.find((one) => one.localName === name && (!namespace || one.namespaceURI === namespace)) ?? null;
}

export function textOf(element) {
  return element?.textContent ?? "";
}

/** The defined condition of a stanza error, such as service-unavailable. */
export function conditionOf(stanza) {
  const children = Array.from(child(stanza, "error")?.childNodes ?? []);
  return children.find((one) => one.nodeType === 1)?.localName ?? "undefined-condition";
}

