// What the programs in JavaScript share: their input, their output, their patience, and
// what they do with the library once it has logged in.

import { createHash, randomUUID } from "node:crypto";

export const [jid, service] = process.argv.slice(2);
export const { PASSWORD, XMPP_HOST, XMPP_PORT, XMPP_WEBSOCKET } = process.env;
export const contacts = { channelUsers: JSON.parse(process.env.CONTACTS) };
export const numbers = { userList: JSON.parse(process.env.NUMBERS) };

export function say(result) {
  console.log(JSON.stringify(result));
}

export function sha1(text) {
  return createHash("sha1").update(text, "utf8").digest("hex");
}

/** Waits for a promise for 30 seconds; `what` names it in the error. */
export function within(promise, what) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`${what} did not come within 30 seconds.`)), 30_000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Values that arrive by key, in order. */
export class Arrivals {
  #waiting = new Map();
  #come = new Map();

  put(key, value) {
    const waiting = this.#waiting.get(key)?.shift();
    if (waiting) waiting(value);
    else this.#come.set(key, [...(this.#come.get(key) ?? []), value]);
  }

  next(key) {
    const come = this.#come.get(key)?.shift();
    const coming = new Promise((arrive) => {
      if (come === undefined) this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), arrive]);
      else arrive(come);
    });
    return within(coming, key);
  }
}

/** Waits for an announcement with another hash than the last one. */
async function changed(arrivals, before = "") {
  const hash = await arrivals.next("announcement");
  return hash === before ? changed(arrivals, before) : hash;
}

/**
 * Reads, sends both commands, repeats one, and follows a change, with three functions of
 * the library: the document's text, the answer to a command, and subscribing.
 */
export async function converse(arrivals, { readDocument, command, subscribe }) {
  say({ document: sha1(await readDocument()) });
  say({ cmd_add_to_roster: await command("cmd_add_to_roster", contacts, randomUUID()) });
  const id = randomUUID();
  say({ cmd_search_users: await command("cmd_search_users", numbers, id) });
  say({ repeat: await command("cmd_search_users", numbers, id) });

  await subscribe();
  const subscribed = await changed(arrivals);
  say({ subscribed });
  const change = await changed(arrivals, subscribed);
  say({ change, document: sha1(await readDocument()) });
}

/** Runs the whole program. */
export async function run(program) {
  try {
    await program();
    process.exit(0);
  } catch (error) {
    console.error(error.message ?? String(error));
    process.exit(1);
  }
}
