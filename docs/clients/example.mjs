// A client of XMPP Service, in one file: it reads the channels, writes to one of
// them, and sends both commands until they are answered.
//
//   npm install strophe.js ws @xmldom/xmldom
//   PASSWORD=demo node example.mjs 00393333333333@localhost xmpp-service.localhost \
//     ws://127.0.0.1:15280/xmpp-websocket

import { randomUUID, webcrypto } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Strophe, $iq, $msg, $pres } from "strophe.js";

// Node 18 has it, but not under this global name.
globalThis.crypto ??= webcrypto;
Strophe.setLogLevel(Strophe.LogLevel.WARN);

const CONTACTS = [
  { name: "Mario Rossi", address: "00393471111111" },
  { name: "Luca Rossi", address: "00393472222222" },
];
const NUMBERS = ["00393296260815", "00393333333333", "00393490899289"];

const OOB = "jabber:x:oob";
const NOT_FINAL = ["SQL_ERROR", "RATE_LIMITED"];

/** A user's connection to the XMPP server. */
class Client {
  constructor(url, service) {
    this.service = service;
    this.connection = new Strophe.Connection(url);
    this.answers = new Map();
  }

  logIn(jid, password) {
    return new Promise((joined, refused) => {
      this.connection.connect(jid, password, (status) => {
        if (status === Strophe.Status.CONNECTED) {
          this.connection.addHandler((message) => this.onMessage(message), null, "message");
          this.connection.send($pres());
          joined();
        }
        if (status === Strophe.Status.AUTHFAIL) refused(new Error("The server refuses the login."));
        if (status === Strophe.Status.DISCONNECTED) refused(new Error("The server does not answer."));
      });
    });
  }

  get domain() {
    return Strophe.getDomainFromJid(this.connection.jid);
  }

  /** A handler stays as long as it returns true. */
  onMessage(message) {
    this.answers.get(message.getAttribute("id"))?.(message);
    return true;
  }

  /** Asks for the service's vCard until it comes; returns what is in its DESC. */
  async document() {
    for (const pause of pauses()) {
      const { answer, error } = await this.askForVcard();
      if (answer) return JSON.parse(textOf(answer, "DESC") || '{"items":[]}');
      if (error && typeOf(error) !== "wait") throw new Error(conditionOf(error));
      const why = error ? conditionOf(error) : "no answer";
      console.error(`The document: ${why}, again in ${pause} s.`);
      await sleep(pause * 1000);
    }
  }

  askForVcard() {
    const iq = $iq({ type: "get", to: this.service }).c("vCard", { xmlns: "vcard-temp" });
    return new Promise((done) => {
      // On a timeout, Strophe has no stanza to hand over.
      this.connection.sendIQ(iq, (answer) => done({ answer }), (error) => done({ error }), 10_000);
    });
  }

  /** Sends a text to a channel. */
  write(channel, text) {
    const { to, thread } = route(channel, this.domain);
    const message = $msg({ to, type: "chat" }).c("body").t(text).up();
    if (thread) message.c("thread").t(thread);
    this.connection.send(message);
  }

  /** Sends a command until there is a final answer; returns its payload. */
  async command(word, payload) {
    const id = randomUUID();
    const text = JSON.stringify(payload);
    for (const pause of pauses()) {
      const answer = await this.attempt(id, word, text, pause);
      const why = reasonToRepeat(answer);
      if (!why) return readPayload(answer);
      console.error(`${word}: ${why}, again in ${pause} s.`);
      if (answer) await sleep(pause * 1000);
    }
  }

  /** Sends a command once; returns what came back in time. */
  async attempt(id, word, text, seconds) {
    const alarm = new AbortController();
    const answer = new Promise((come) => this.answers.set(id, come));
    this.connection.send(envelope(this.service, id, word, text));
    const patience = sleep(seconds * 1000, null, { signal: alarm.signal }).catch(() => null);
    const first = await Promise.race([answer, patience]);
    alarm.abort();
    this.answers.delete(id);
    return first;
  }
}

function envelope(service, id, word, text) {
  return $msg({ to: service, id, type: "chat" })
    .c("body")
    .up()
    .c("x", { xmlns: OOB })
    .c("type", {}, word)
    .c("action", {}, word)
    .c("payload", {}, text);
}

/** What the web chat shows, with its depth; neither a hidden group nor one that shows nothing. */
function shown(items, depth = 0) {
  return items
    .filter((item) => item.webIsPublished)
    .flatMap((item) => {
      const below = shown(item.items ?? [], depth + 1);
      return item.items && !below.length ? [] : [[depth, item], ...below];
    });
}

/** Where a message to the channel goes, and its thread or "". */
function route({ address, serverAddress }, domain) {
  const name = serverAddress || address;
  const to = name.includes("@") ? name : `${name}@${domain}`;
  return { to, thread: serverAddress ? address : "" };
}

/** The seconds until each repeat: 5, 10, 20, 40, then 60 for ever. */
function* pauses() {
  for (let pause = 5; ; pause = Math.min(2 * pause, 60)) yield pause;
}

/** Why the command must be sent again; "" when its answer is final. */
function reasonToRepeat(answer) {
  if (!answer) return "no answer";
  if (answer.getAttribute("type") === "error") {
    return typeOf(answer) === "wait" ? conditionOf(answer) : "";
  }
  const { errorCode } = readPayload(answer);
  return NOT_FINAL.includes(errorCode) ? errorCode : "";
}

function readPayload(answer) {
  if (answer.getAttribute("type") === "error") throw new Error(conditionOf(answer));
  return JSON.parse(textOf(answer, "payload"));
}

function textOf(stanza, name) {
  return stanza.getElementsByTagName(name)[0]?.textContent ?? "";
}

function typeOf(stanza) {
  return stanza.getElementsByTagName("error")[0]?.getAttribute("type");
}

/** The name of the first element in the error, such as service-unavailable. */
function conditionOf(stanza) {
  const parts = Array.from(stanza.getElementsByTagName("error")[0]?.childNodes ?? []);
  return parts.find((one) => one.nodeType === 1)?.nodeName ?? "undefined-condition";
}

const [jid, service, url] = process.argv.slice(2);
const client = new Client(url, service);
await client.logIn(jid, process.env.PASSWORD);

const { items } = await client.document();
const tree = shown(items);
for (const [depth, item] of tree) console.log("  ".repeat(depth) + item.info.name);
const channel = tree.map(([, item]) => item).find((item) => item.type === "channel");
if (channel) {
  client.write(channel, "Ciao");
  const { to, thread } = route(channel, client.domain);
  console.log("wrote to", to, thread);
}

const added = await client.command("cmd_add_to_roster", { channelUsers: CONTACTS });
console.log("added", JSON.stringify(added));
const found = await client.command("cmd_search_users", { userList: NUMBERS });
console.log("found", JSON.stringify(found));
client.connection.disconnect();
