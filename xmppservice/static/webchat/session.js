// The webchat's XMPP session, on Strophe. Rules for clients: docs/contract.md.

const { Strophe, $iq, $msg, $pres } = globalThis;
const { AUTHFAIL, CONNECTED, CONNFAIL, CONNTIMEOUT, DISCONNECTED } = Strophe.Status;
Strophe.setLogLevel(Strophe.LogLevel.WARN);
const DOCUMENT = "urn:xmppservice:document:1";
const TIMEOUT_MILLISECONDS = 10_000; // for an answer

/** Returns where to send a message to a channel: contract, section 1, Routing. */
export function route({ address, serverAddress }, domain) {
  const name = serverAddress || address;
  return {
    to: name.includes("@") ? name : `${name}@${domain}`,
    thread: serverAddress ? address : "",
  };
}

/**
 * A user's connection. `callbacks` has a function for each event:
 * message({ from, thread, body }), failure(id), change(hash) and end().
 */
export class Session {
  constructor(url, service, callbacks) {
    this.service = service;
    this.callbacks = callbacks;
    this.connection = new Strophe.Connection(url);
  }

  /** Logs in, goes online and subscribes to changes; rejects with "refused" or "away". */
  open(jid, password) {
    let isOpen = false;
    return new Promise((resolve, reject) => {
      this.connection.connect(jid, password, (status) => {
        if (status === CONNECTED) {
          isOpen = true;
          this.#begin();
          resolve();
        }
        if (status === AUTHFAIL) reject(new Error("refused"));
        if ([CONNFAIL, CONNTIMEOUT, DISCONNECTED].includes(status)) reject(new Error("away"));
        if (status === DISCONNECTED && isOpen) this.callbacks.end();
      });
    });
  }

  get domain() {
    return Strophe.getDomainFromJid(this.connection.jid);
  }

  close() {
    this.callbacks.end = () => {};
    this.connection.disconnect();
  }

  /** Reads the document: DESC of the service's vCard. */
  document() {
    const request = $iq({ type: "get", to: this.service }).c("vCard", { xmlns: "vcard-temp" });
    return new Promise((resolve, reject) => {
      const resolveText = (answer) => resolve(answer.querySelector("DESC")?.textContent ?? "");
      this.connection.sendIQ(request, resolveText, () => reject(new Error("unread")), TIMEOUT_MILLISECONDS);
    });
  }

  /** Sends a text; returns the id of the message. */
  send({ to, thread }, body) {
    const id = this.connection.getUniqueId();
    const message = $msg({ to, id, type: "chat" });
    if (thread) message.c("thread").t(thread).up();
    this.connection.send(message.c("body").t(body));
    return id;
  }

  #begin() {
    this.connection.addHandler((stanza) => this.#message(stanza), null, "message");
    this.connection.addHandler((stanza) => this.#presence(stanza), null, "presence");
    this.connection.send($pres());
    this.connection.send($pres({ to: this.service, type: "subscribe" }));
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

  #presence(stanza) {
    const from = Strophe.getBareJidFromJid(stanza.getAttribute("from") ?? "");
    const hash = [...stanza.children].find((one) => one.namespaceURI === DOCUMENT)?.getAttribute("hash");
    if (from === this.service && hash) this.callbacks.change(hash);
    return true;
  }
}

/** Returns the text of a direct child; a forwarded message may contain deeper ones. */
function child(parent, name) {
  return [...parent.children].find((one) => one.localName === name)?.textContent ?? "";
}
