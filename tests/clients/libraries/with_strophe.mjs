// Strophe.js: a connection plugin sends commands and reads answers and announcements.

import { webcrypto } from "node:crypto";
import { Strophe, $iq, $msg, $pres } from "strophe.js";
import * as report from "./report.mjs";

// Node 18 has it, but not under this global name.
globalThis.crypto ??= webcrypto;
Strophe.setLogLevel(Strophe.LogLevel.WARN);

Strophe.addNamespace("COMMAND", "urn:xmppservice:command:1");
Strophe.addNamespace("DOCUMENT", "urn:xmppservice:document:1");
Strophe.addNamespace("RECEIPTS", "urn:xmpp:receipts");
Strophe.addNamespace("HINTS", "urn:xmpp:hints");

const { service } = report;
const { COMMAND, DOCUMENT, RECEIPTS, HINTS } = Strophe.NS;
const bare = { matchBareFromJid: true };
const arrivals = new report.Arrivals();

Strophe.addConnectionPlugin("commands", {
  init(connection) {
    this.connection = connection;
  },

  /** A new stream has no handlers. A handler stays as long as it returns true. */
  statusChanged(status) {
    if (status !== Strophe.Status.CONNECTED) return;
    const add = (onStanza, ns, name) =>
      this.connection.addHandler(onStanza, ns, name, null, null, service, bare);
    add(this.onAnswer, COMMAND, "message");
    add(this.onReceipt, RECEIPTS, "message");
    add(this.onAnnouncement, DOCUMENT, "presence");
  },

  onAnswer(message) {
    const payload = message.getElementsByTagNameNS(COMMAND, "payload")[0].textContent;
    arrivals.put(message.getAttribute("id"), JSON.parse(payload));
    return true;
  },

  onReceipt() {
    report.say({ receipt: true });
    return true;
  },

  onAnnouncement(presence) {
    const document = presence.getElementsByTagNameNS(DOCUMENT, "document")[0];
    arrivals.put("announcement", document.getAttribute("hash"));
    return true;
  },

  send(word, payload, id) {
    const message = $msg({ to: service, id, type: "chat" })
      .c("body")
      .up()
      .c("x", { xmlns: COMMAND })
      // With a text, c() does not go down into the new child.
      .c("type", {}, word)
      .c("action", {}, word)
      .c("payload", {}, JSON.stringify(payload))
      .up()
      .c("no-copy", { xmlns: HINTS })
      .up()
      .c("request", { xmlns: RECEIPTS });
    this.connection.send(message);
    return arrivals.next(id);
  },
});

const connection = new Strophe.Connection(report.XMPP_WEBSOCKET);

function logIn() {
  return new Promise((joined, refused) => {
    connection.connect(report.jid, report.PASSWORD, (status, why) => {
      if (status === Strophe.Status.CONNECTED) joined();
      const failures = [Strophe.Status.AUTHFAIL, Strophe.Status.CONNFAIL];
      if (failures.includes(status)) refused(new Error(`No login: ${why}.`));
    });
  });
}

function readDocument() {
  const iq = $iq({ type: "get", to: service }).c("vCard", { xmlns: "vcard-temp" });
  return new Promise((done, fail) => {
    const onResult = (result) => done(result.getElementsByTagName("DESC")[0].textContent);
    const onError = () => fail(new Error("The vCard could not be read."));
    connection.sendIQ(iq, onResult, onError, 30_000);
  });
}

report.run(async () => {
  await report.within(logIn(), "The login");
  connection.send($pres());

  await report.converse(arrivals, {
    readDocument,
    command: (...words) => connection.commands.send(...words),
    subscribe: () => connection.send($pres({ to: service, type: "subscribe" })),
  });
  connection.disconnect();
});
