// A client of XMPP Service: it reads the channels, writes to one of them, and sends
// both commands until they are answered.
//
//   PASSWORD=demo node example.mjs 00393333333333@localhost xmpp-service.localhost \
//     ws://127.0.0.1:15280/xmpp-websocket

import * as strophe from "strophe.js";
import { XMPPService, rows } from "xmppservice-client";

// Node 18 has it under another name only.
globalThis.crypto ??= (await import("node:crypto")).webcrypto;

const { Strophe, $pres } = strophe;
Strophe.setLogLevel(Strophe.LogLevel.WARN);

const CONTACTS = [
  { name: "Mario Rossi", address: "00393471111111" },
  { name: "Luca Rossi", address: "00393472222222" },
];
const NUMBERS = ["00393296260815", "00393333333333", "00393490899289"];

// Before it connects again.
const FIRST_PAUSE_MILLISECONDS = 1000;
const LAST_PAUSE_MILLISECONDS = 60_000;

/** A user's connection to the XMPP server, which is opened again when it ends. */
class Client {
  #isLeaving = false;
  #timer = 0;
  #pause = FIRST_PAUSE_MILLISECONDS;

  constructor(url, jid, password, service, options) {
    this.login = [jid, password];
    this.connection = new Strophe.Connection(url);
    this.service = new XMPPService(strophe, this.connection, service, options);
  }

  /** Logs in; rejects if the server refuses the login. */
  open() {
    return new Promise((joined, refused) => {
      this.connection.connect(...this.login, (status, condition) => {
        this.service.onStatus(status, condition);
        if (status === Strophe.Status.CONNECTED) {
          this.#pause = FIRST_PAUSE_MILLISECONDS;
          this.connection.send($pres());
          joined();
        }
        if (status === Strophe.Status.AUTHFAIL) {
          this.#isLeaving = true;
          refused(new Error("The server refuses the login."));
        }
        if (condition === "conflict") {
          // If both came back, neither would stay.
          this.#isLeaving = true;
          console.error("Another client has taken this resource.");
        }
        // Strophe may say so twice.
        clearTimeout(this.#timer);
        if (status === Strophe.Status.DISCONNECTED && !this.#isLeaving) {
          this.#timer = setTimeout(() => this.open().then(joined, refused), this.#pause);
          this.#pause = Math.min(2 * this.#pause, LAST_PAUSE_MILLISECONDS);
        }
      });
    });
  }

  close() {
    this.#isLeaving = true;
    this.connection.disconnect();
  }
}

/** Prints the answers; there are several for a long address book. */
async function show(word, answers) {
  for await (const { status, errorCode, messages, users } of answers) {
    console.log([word, status, errorCode || "OK", ...users].join(" "));
    for (const message of messages) console.log("  " + message);
  }
}

/** Reads, writes, adds and searches. */
export async function run(url, jid, password, serviceJid, options) {
  const client = new Client(url, jid, password, serviceJid, {
    onRepeat: (what, reason) => console.error(`${what}: ${reason}, sent again`),
    onLimited: ({ retryAfter }) => console.error(`Too many new numbers: again in ${retryAfter} s.`),
    ...options,
  });
  await client.open();
  const { service } = client;
  service.follow();

  const tree = [...rows(service.shown(await service.document()))];
  for (const { depth, item } of tree) console.log("  ".repeat(depth) + item.info.name);
  const first = tree.find(({ item }) => item.type === "channel");
  if (first) {
    service.write(first.item, "Ciao");
    const { to, thread } = service.route(first.item);
    console.log("wrote to", to, thread);
  }

  await show("added", service.addToRoster(CONTACTS));
  await show("found", service.searchUsers(NUMBERS));
  client.close();
}

// In Node; a page calls run() itself.
if (globalThis.process?.argv) {
  const [jid, service, url] = process.argv.slice(2);
  const firstPause = Number(process.env.PAUSE ?? 5);
  await run(url, jid, process.env.PASSWORD, service, { platform: "mobile", firstPause });
}
