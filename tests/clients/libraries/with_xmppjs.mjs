// xmpp.js: stanzas from xml(), answers and announcements from the event "stanza".

import { webcrypto } from "node:crypto";
import { client, jid, xml } from "@xmpp/client";
import * as report from "./report.mjs";

// Node 18 has it, but not under this global name.
globalThis.crypto ??= webcrypto;

const COMMAND = "urn:xmppservice:command:1";
const DOCUMENT = "urn:xmppservice:document:1";
const RECEIPTS = "urn:xmpp:receipts";

const { service } = report;
const user = jid(report.jid);
const arrivals = new report.Arrivals();
const xmpp = client({
  service: `xmpp://${report.XMPP_HOST}:${report.XMPP_PORT}`,
  domain: user.domain,
  resource: "xmppjs",
  username: user.local,
  password: report.PASSWORD,
});

// xmpp.js 0.14.0 forgets the stanzas that it has acknowledged before it handles <enabled/>,
// and the server ends the stream: send nothing until stream management is on.
const managed = new Promise((on) => {
  xmpp.on("nonza", (nonza) => nonza.is("enabled", "urn:xmpp:sm:3") && on());
});

xmpp.on("error", (error) => console.error(error.message));
xmpp.on("stanza", (stanza) => {
  const from = stanza.attrs.from;
  if (!from || jid(from).bare().toString() !== service) return;
  if (stanza.is("message")) onMessage(stanza);
  if (stanza.is("presence")) {
    const document = stanza.getChild("document", DOCUMENT);
    if (document) arrivals.put("announcement", document.attrs.hash);
  }
});

function onMessage(message) {
  if (message.getChild("received", RECEIPTS)) report.say({ receipt: true });
  const x = message.getChild("x", COMMAND);
  if (x) arrivals.put(message.attrs.id, JSON.parse(x.getChildText("payload")));
}

async function command(word, payload, id) {
  const x = xml(
    "x",
    { xmlns: COMMAND },
    xml("type", {}, word),
    xml("action", {}, word),
    xml("payload", {}, JSON.stringify(payload)),
  );
  await xmpp.send(
    xml(
      "message",
      { to: service, id, type: "chat" },
      xml("body"),
      x,
      xml("no-copy", { xmlns: "urn:xmpp:hints" }),
      xml("request", { xmlns: RECEIPTS }),
    ),
  );
  return arrivals.next(id);
}

async function readDocument() {
  const vcard = await xmpp.iqCaller.get(xml("vCard", { xmlns: "vcard-temp" }), service, 30_000);
  return vcard.getChildText("DESC");
}

report.run(async () => {
  await report.within(xmpp.start(), "The login");
  await report.within(managed, "Stream management");
  await xmpp.send(xml("presence"));

  await report.converse(arrivals, {
    readDocument,
    command,
    subscribe: () => xmpp.send(xml("presence", { to: service, type: "subscribe" })),
  });
  await xmpp.stop();
});
