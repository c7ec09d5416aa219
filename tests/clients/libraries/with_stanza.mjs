// stanza: definitions translate the envelope and the announcement to and from JSON.

import { JXT, createClient } from "stanza";
import * as report from "./report.mjs";

const COMMAND = "urn:xmppservice:command:1";
const DOCUMENT = "urn:xmppservice:document:1";

const { service } = report;
const arrivals = new report.Arrivals();
const client = createClient({
  jid: report.jid,
  password: report.PASSWORD,
  resource: "stanza",
  autoReconnect: false,
  transports: { websocket: report.XMPP_WEBSOCKET, bosh: false },
});

client.stanzas.define([
  {
    path: "message.command",
    namespace: COMMAND,
    element: "x",
    fields: {
      type: JXT.childText(null, "type"),
      action: JXT.childText(null, "action"),
      payload: JXT.childText(null, "payload"),
    },
  },
  {
    path: "presence.document",
    namespace: DOCUMENT,
    element: "document",
    fields: {
      hash: JXT.attribute("hash"),
      version: JXT.integerAttribute("version"),
      url: JXT.attribute("url"),
    },
  },
]);

client.on("message", (message) => {
  if (message.from !== service || !message.command) return;
  arrivals.put(message.id, JSON.parse(message.command.payload));
});
client.on("receipt", (message) => {
  if (message.from === service) report.say({ receipt: true });
});
client.on("presence", (presence) => {
  const from = presence.from?.split("/")[0];
  if (from === service && presence.document) {
    arrivals.put("announcement", presence.document.hash);
  }
});

function logIn() {
  return new Promise((joined, refused) => {
    client.on("session:started", joined);
    client.on("auth:failed", () => refused(new Error("The server refuses the login.")));
    client.on("disconnected", () => refused(new Error("The connection ended.")));
    client.connect();
  });
}

function command(word, payload, id) {
  client.sendMessage({
    to: service,
    id,
    type: "chat",
    body: "",
    command: { type: word, action: word, payload: JSON.stringify(payload) },
    processingHints: { noCopy: true },
    receipt: { type: "request" },
  });
  return arrivals.next(id);
}

async function readDocument() {
  const { records } = await client.getVCard(service);
  return records.find((record) => record.type === "description").value;
}

report.run(async () => {
  await report.within(logIn(), "The login");
  client.sendPresence();

  await report.converse(arrivals, {
    readDocument,
    command,
    subscribe: () => client.subscribe(service),
  });
  client.disconnect();
});
