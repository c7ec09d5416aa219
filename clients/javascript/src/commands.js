// Commands: sent until they are answered, whatever comes in between. The rules are the
// table "What comes, and what to do" of the contract, section 2. Nothing here knows an
// XMPP library: `Commands` is told what came, and given a function that sends.

import { memoryStore } from "./store.js";

export const ADD_TO_ROSTER = "cmd_add_to_roster";
export const SEARCH_USERS = "cmd_search_users";

const FIRST_PAUSE_SECONDS = 5;
const LAST_PAUSE_SECONDS = 60;
const RECEIPT_SECONDS = 300; // before a repeat of a command that is stored
const SAFE_BYTES = 10_000; // any server takes a stanza of this size (RFC 6120, 13.12)
const LEAST_RETRY_SECONDS = 1; // whatever an answer says: no loop without a pause
const SQL_ERROR = 1;
const RATE_LIMITED = 5;

/** A command has no answer, and a repeat would have none. */
export class CommandError extends Error {}

/** The service cannot read the command's envelope. */
export class Refused extends CommandError {}

/** The XMPP server ends the stream because of the command's size. */
export class TooLarge extends CommandError {}

/** Returns the answer in a payload; null if it is not of the contract's form. */
export function readAnswer(text) {
  try {
    const { status, errorCode, errorMessage, userList = [], retryAfter = 0 } = JSON.parse(text);
    const messages = errorMessage.map(({ message }) => message);
    if (!Array.isArray(userList) || ![errorCode, ...messages, ...userList].every(isText)) return null;
    if (!Number.isInteger(status) || !Number.isFinite(retryAfter) || Math.min(status, retryAfter) < 0) return null;
    return { status, errorCode, messages, users: userList, retryAfter };
  } catch {
    return null;
  }
}

function isText(value) {
  return typeof value === "string";
}

/** Returns a payload's JSON, without what XML cannot carry: a server would end the stream. */
export function payloadOf(fields) {
  return JSON.stringify(fields).replace(/[\uFFFE\uFFFF]/g, (one) => (one === "\uFFFE" ? "\\ufffe" : "\\uffff"));
}

/**
 * Sends commands until they are answered. `send` returns when the stanza has left the
 * device, `size` the bytes that it has there. `onLimited` is called with an answer that
 * says RATE_LIMITED, `onRepeat` with a command's word and the reason when it is sent
 * again. `firstPause` scales all pauses, for tests.
 */
export class Commands {
  #pending = new Map();
  #isOnline = false;
  #opening = [];

  constructor({ send, size, store = memoryStore(), onLimited = () => {}, onRepeat = () => {}, firstPause = FIRST_PAUSE_SECONDS }) {
    this.send = send;
    this.size = size;
    this.store = store;
    this.onLimited = onLimited;
    this.onRepeat = onRepeat;
    this.scale = firstPause / FIRST_PAUSE_SECONDS;
  }

  /** Returns the final answer to `{ id, word, payload }`; throws Refused or TooLarge. */
  async run(command) {
    this.store.save(command);
    const pending = new Pending(command, this.size(command));
    this.#pending.set(command.id, pending);
    try {
      const answer = await this.#run(pending);
      this.store.remove(command.id);
      return answer;
    } catch (error) {
      if (error instanceof CommandError) this.store.remove(command.id);
      throw error;
    } finally {
      this.#pending.delete(command.id);
    }
  }

  /** Returns the commands that an earlier run has left of the account `owner`. */
  stored(owner = "") {
    return this.store.load().filter((one) => (one.owner ?? "") === owner && !this.#pending.has(one.id));
  }

  // --- What comes ---------------------------------------------------------------

  /** Takes what the service has sent; an id that nobody waits for is ignored. */
  came(id, event) {
    const pending = this.#pending.get(id);
    if (!pending) return;
    pending.isOnItsWay = false;
    pending.hasArrived = true;
    pending.push(event);
  }

  /** Takes a new stream. A resumed one (XEP-0198) is not new. */
  opened({ isResumed = false } = {}) {
    this.#isOnline = true;
    const kind = isResumed ? "resumed" : "stream";
    for (const pending of this.#pending.values()) pending.push({ kind });
    for (const go of this.#opening.splice(0)) go();
  }

  /**
   * Takes the end of a stream: by `policy-violation` if a stanza was too large. Of
   * several stanzas on their way, the largest was.
   */
  ended({ isTooLarge = false } = {}) {
    this.#isOnline = false;
    const onTheWay = [...this.#pending.values()].filter((one) => one.isOnItsWay);
    const largest = onTheWay.reduce((most, one) => (one.size > (most?.size ?? 0) ? one : most), null);
    for (const pending of onTheWay) {
      pending.isOnItsWay = false;
      pending.push({ kind: "end", isTooLarge: isTooLarge && pending === largest });
    }
  }

  // --- One command --------------------------------------------------------------

  async #run(pending) {
    for (let pauses = pausesOf(); ; ) {
      if (!this.#isOnline) await new Promise((go) => this.#opening.push(go));
      pending.begin();
      await this.send(pending.command);
      const outcome = await this.#wait(pending, pauses.next().value * this.scale);
      if (outcome?.kind === "answer") return outcome.answer;
      if (outcome) pauses = pausesOf();
    }
  }

  /** Waits for what ends the attempt: an answer, another stream, or time (null). */
  async #wait(pending, pause) {
    let until = now() + pause;
    let answer = null; // one that is not final
    let reason = "no answer";
    // Without a stream, only the next one ends it.
    for (let event; (event = await pending.next(this.#isOnline ? until : Infinity)) || !this.#isOnline; ) {
      if (!event) continue;
      const isLimited = answer?.status === RATE_LIMITED;
      if (event.kind === "stream" && !isLimited) return event;
      if (event.kind === "end") pending.end(event);
      if (event.kind === "error" && event.type === "modify") {
        throw new Refused(`${pending.command.word}: ${event.condition}`);
      }
      // A receipt may come after an answer, which says more.
      if (event.kind === "receipt" && !answer) until = now() + RECEIPT_SECONDS * this.scale;
      if (event.kind === "error" && !answer) {
        reason = event.condition;
        until = Math.min(until, now() + pause);
      }
      if (event.kind === "answer") {
        ({ answer } = event);
        const { status, errorCode, retryAfter } = answer;
        if (status !== SQL_ERROR && status !== RATE_LIMITED) return event;
        reason = errorCode;
        until = now() + (status === RATE_LIMITED ? Math.max(LEAST_RETRY_SECONDS, retryAfter) : pause);
        if (status === RATE_LIMITED) this.onLimited(answer, pending.command);
      }
    }
    this.onRepeat(pending.command.word, reason);
    return null;
  }
}

/** A command without a final answer, and what came for it. */
class Pending {
  #events = [];
  #wake = () => {};
  #ends = 0;
  isOnItsWay = false;
  hasArrived = false; // once, so that it is not too large

  constructor(command, size) {
    this.command = command;
    this.size = size;
  }

  /** Drops what came before, such as the news of the stream that it now goes to. */
  begin() {
    for (const event of this.#events.splice(0)) if (event.kind === "end") this.end(event);
    this.isOnItsWay = true;
  }

  /** Counts the ends of streams on which nothing came back; throws TooLarge. */
  end({ isTooLarge }) {
    if (this.hasArrived) return;
    if (this.size > SAFE_BYTES) this.#ends += 1;
    if (isTooLarge || this.#ends === 2) throw new TooLarge(`${this.command.word}: ${this.size} bytes`);
  }

  push(event) {
    this.#events.push(event);
    this.#wake();
  }

  /** Returns the next event; null when it is time to repeat. */
  async next(until) {
    while (!this.#events.length) {
      const milliseconds = (until - now()) * 1000;
      if (milliseconds <= 0) return null;
      await new Promise((wake) => {
        // A timer holds at most 24 days; this one is set again.
        const timer = setTimeout(wake, Math.min(milliseconds, 3_600_000));
        this.#wake = () => {
          clearTimeout(timer);
          wake();
        };
      });
    }
    return this.#events.shift();
  }
}

/** Yields the seconds until each repeat: 5, 10, 20, 40, then 60 for ever. */
function* pausesOf() {
  for (let pause = FIRST_PAUSE_SECONDS; ; pause = Math.min(2 * pause, LAST_PAUSE_SECONDS)) yield pause;
}

/** Seconds of a clock that nobody sets. */
function now() {
  return performance.now() / 1000;
}
