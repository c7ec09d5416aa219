// The service on a Strophe connection: the document, its changes, and both commands.

import { ADD_TO_ROSTER, Commands, CommandError, SEARCH_USERS, TooLarge, payloadOf } from "./commands.js";
import { fetched, hashOf, parseDocument, route, shown } from "./document.js";
import { parts } from "./parts.js";
import { bytesOf, child, conditionOf, envelope, keep, readLive, readMessage, textMessage, textOf, unwrittenBytes } from "./stanzas.js";
import { sleep } from "./time.js";

const ANSWER_MILLISECONDS = 10_000; // for the vCard
const POLL_MILLISECONDS = 50; // while a stanza leaves the device
const LAST_PAUSE_MILLISECONDS = 60_000; // between two requests of the vCard

/**
 * `strophe` is the module strophe.js, or the global object of a page that loads it with
 * a script. Make it before the connection is opened.
 */
export class XMPPService {
  #strophe;
  #bare; // the JID that the service sends from
  #commands;
  #reading = null;
  #giveUp = () => {}; // the vCard's request, which Strophe forgets with the stream
  #isFollowing = false;
  #isClosed = false;
  #known = ""; // the hash of `text`, as computed or announced

  constructor(strophe, connection, service, options = {}) {
    this.#strophe = strophe;
    this.connection = connection;
    this.service = service;
    this.#bare = strophe.Strophe.getBareJidFromJid(service).toLowerCase();
    this.platform = options.platform ?? "web";
    this.onDocument = options.onDocument ?? (() => {});
    this.onAnswer = options.onAnswer ?? (() => {});
    this.onRepeat = options.onRepeat ?? (() => {});
    this.fetch = options.fetch ?? null;
    this.live = null; // what the service has announced
    this.text = null; // the newest document that was read
    this.#commands = new Commands({
      send: (command) => this.#send(command),
      size: (command) => bytesOf(this.#envelope(command)),
      store: options.store,
      onLimited: options.onLimited,
      onRepeat: this.onRepeat,
      firstPause: options.firstPause,
    });
  }

  /** Ends all waiting for the document. */
  close() {
    this.#isClosed = true;
    this.#giveUp(null);
  }

  /** Call it for each status that Strophe reports, before or after you handle it. */
  onStatus(status, condition) {
    const { CONNECTED, DISCONNECTED, ERROR } = this.#strophe.Strophe.Status;
    if (status === CONNECTED) this.#opened();
    if (status === ERROR && condition === "policy-violation") this.#commands.ended({ isTooLarge: true });
    if (status !== DISCONNECTED) return;
    this.#commands.ended();
    this.#giveUp(null);
  }

  get #owner() {
    return this.#strophe.Strophe.getBareJidFromJid(this.connection.jid);
  }

  get domain() {
    return this.#strophe.Strophe.getDomainFromJid(this.connection.jid);
  }

  // --- The document ---------------------------------------------------------------

  /**
   * Returns the items of the live document; repeats until it has them. Nothing is read if
   * the service has announced the one that is known.
   */
  async document() {
    for (let pause = 1000; !this.live || this.#isOld; pause = Math.min(2 * pause, LAST_PAUSE_MILLISECONDS)) {
      try {
        await this.read();
        break;
      } catch (error) {
        if (this.#isClosed) throw error;
        this.onRepeat("document", error.message);
        await sleep(pause);
      }
    }
    return parseDocument(this.text);
  }

  /** Reads the document; rejects if it does not come. All who want it share a reading. */
  read() {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  get #isOld() {
    return this.text === null || this.live?.hash !== this.#known;
  }

  async #read() {
    const announced = this.live?.hash ?? "";
    const text = (await fetched(this.fetch, this.live)) || (await this.#vcard());
    parseDocument(text);
    this.text = text;
    this.#known = (await hashOf(text)) || announced;
    return text;
  }

  /** Begins with the document that an earlier run of the program has kept. */
  async keep(text) {
    parseDocument(text);
    this.text = text;
    this.#known = await hashOf(text);
  }

  /** Subscribes to changes: once for an account, but no harm if again. */
  follow() {
    this.connection.send(this.#strophe.$pres({ to: this.service, type: "subscribe" }));
  }

  shown(items) {
    return shown(items, this.platform);
  }

  route(channel) {
    return route(channel, this.domain);
  }

  /** Sends a text to a channel; returns the id of the message. */
  write(channel, text) {
    const { to, thread } = this.route(channel);
    const id = this.connection.getUniqueId();
    this.connection.send(textMessage(this.#strophe.$msg, { to, thread, id, text }));
    return id;
  }

  #vcard() {
    const iq = this.#strophe.$iq({ type: "get", to: this.service }).c("vCard", { xmlns: "vcard-temp" });
    return new Promise((resolve, reject) => {
      const take = (answer) => resolve(textOf(child(child(answer, "vCard"), "DESC")));
      const refuse = (error) => reject(new Error(error ? conditionOf(error) : "no answer"));
      this.#giveUp = refuse;
      this.connection.sendIQ(iq, take, refuse, ANSWER_MILLISECONDS);
    });
  }

  #presence(stanza) {
    const live = this.#isFromService(stanza) && readLive(stanza);
    if (!live) return;
    this.live = live;
    if (!this.#isFollowing) this.#follow();
  }

  /** Reads until the document is the one announced, or a newer one. */
  async #follow() {
    this.#isFollowing = true;
    const known = this.text;
    // One that has begun before the announcement may bring an older document.
    await this.#reading?.catch(() => {});
    for (let hash = ""; this.#isOld && hash !== this.live.hash; ) {
      ({ hash } = this.live);
      await this.document().catch(() => {}); // only if closed
    }
    this.#isFollowing = false;
    if (this.text !== known) this.onDocument(parseDocument(this.text), this.text);
  }

  // --- Commands -------------------------------------------------------------------

  /**
   * Puts contacts, with `name` and `address`, on the user's roster. Yields an answer for
   * each command that they need, in their order; stops after one that is not done.
   */
  addToRoster(contacts) {
    return this.#sendAll(ADD_TO_ROSTER, "channelUsers", contacts);
  }

  /** Looks for the users among phone numbers; yields answers as above. */
  searchUsers(numbers) {
    return this.#sendAll(SEARCH_USERS, "userList", numbers);
  }

  async *#sendAll(word, key, entries) {
    const command = (some) => {
      const payload = payloadOf({ [key]: some });
      return { id: this.connection.getUniqueId(), word, payload, owner: this.#owner };
    };
    const size = (some) => bytesOf(this.#envelope(command(some)));
    const waiting = entries.length ? parts(entries, size) : [entries];
    for (let first = 0; waiting.length; ) {
      const part = waiting.shift();
      try {
        const answer = await this.#commands.run(command(part));
        yield { ...answer, first };
        if (answer.status !== 0) return;
        first += part.length;
      } catch (error) {
        if (!(error instanceof TooLarge) || part.length < 2) throw error;
        const half = part.length >> 1;
        waiting.unshift(part.slice(0, half), part.slice(half));
      }
    }
  }

  /** Sends it; returns when it has left the device, or the stream has ended. */
  async #send(command) {
    this.connection.send(this.#envelope(command));
    this.connection.flush();
    while (this.connection.connected && unwrittenBytes(this.connection)) await sleep(POLL_MILLISECONDS);
  }

  #envelope(command) {
    return envelope(this.#strophe.$msg, this.service, command);
  }

  #message(stanza) {
    const message = this.#isFromService(stanza) && readMessage(stanza);
    if (message) this.#commands.came(message.id, message.event);
  }

  #isFromService(stanza) {
    const from = stanza.getAttribute("from") ?? "";
    return this.#strophe.Strophe.getBareJidFromJid(from)?.toLowerCase() === this.#bare;
  }

  // --- The stream -----------------------------------------------------------------

  #opened() {
    // Strophe forgets all handlers with the stream.
    this.connection.addHandler(keep((stanza) => this.#message(stanza)), null, "message");
    this.connection.addHandler(keep((stanza) => this.#presence(stanza)), null, "presence");
    this.#commands.opened();
    for (const command of this.#commands.stored(this.#owner)) this.#repeat(command);
  }

  async #repeat(command) {
    try {
      this.onAnswer(await this.#commands.run(command), command);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
    }
  }
}
