// The webchat's XMPP session, on Strophe and the package for clients.

import { XMPPService } from "../client/index.js";

const { Strophe, $pres } = globalThis;
const { AUTHFAIL, CONNECTED, CONNFAIL, CONNTIMEOUT, DISCONNECTED, ERROR } = Strophe.Status;
Strophe.setLogLevel(Strophe.LogLevel.WARN);

/**
 * A user's connection. `callbacks` has a function for each event:
 * message({ from, thread, body }), failure(id), document(text), and end(condition) with
 * the stream error, if there was one.
 */
export class Session {
  constructor(url, service, callbacks) {
    this.callbacks = callbacks;
    this.connection = new Strophe.Connection(url);
    this.service = new XMPPService(globalThis, this.connection, service, {
      onDocument: (items, text) => this.callbacks.document(text),
      fetch: (address) => fetch(address),
    });
  }

  /** Logs in, goes online and subscribes to changes; rejects with "refused" or "away". */
  open(jid, password) {
    let isOpen = false;
    let error = "";
    return new Promise((resolve, reject) => {
      this.connection.connect(jid, password, (status, condition) => {
        this.service.onStatus(status, condition);
        if (status === CONNECTED) {
          isOpen = true;
          this.#begin();
          resolve();
        }
        if (status === AUTHFAIL) reject(new Error("refused"));
        if ([CONNFAIL, CONNTIMEOUT, DISCONNECTED].includes(status)) reject(new Error("away"));
        if (status === ERROR) error = condition;
        if (status !== DISCONNECTED) return;
        this.service.close();
        if (isOpen) this.callbacks.end(error);
      });
    });
  }

  close() {
    this.callbacks.end = () => {};
    this.connection.disconnect();
  }

  #begin() {
    this.connection.addHandler((stanza) => this.#message(stanza), null, "message");
    this.connection.send($pres());
    this.service.follow();
  }

  // Strophe keeps a handler that returns true.
  #message(stanza) {
    const body = child(stanza, "body");
    if (stanza.getAttribute("type") === "error") this.callbacks.failure(stanza.getAttribute("id"));
    else if (body) {
      const from = Strophe.getBareJidFromJid(stanza.getAttribute("from"));
      this.callbacks.message({ from, thread: child(stanza, "thread"), body });
    }
    return true;
  }
}

/** Returns the text of a direct child; a forwarded message may contain deeper ones. */
function child(parent, name) {
  return [...parent.children].find((one) => one.localName === name)?.textContent ?? "";
}
