/** Clients of XMPP Service: docs/clients/javascript.md. */

export interface Info {
  name: string;
  status: string;
  imageUrl: string;
  thumbUrl: string;
  /** Of channels only. */
  defaultMessage?: string;
}

export interface Item {
  address: string;
  serverAddress?: string;
  type: "group" | "channel";
  mobileIsPublished: boolean;
  webIsPublished: boolean;
  info: Info;
  /** Of groups only. */
  items?: Item[];
}

export type Platform = "mobile" | "web";

/** Where messages to a channel go; `thread` is "" without one. */
export interface Route {
  to: string;
  thread: string;
}

/** What the service announces; `url` is "" if the document is not public. */
export interface Live {
  hash: string;
  version: number;
  url: string;
}

export interface Contact {
  /** Without one, an existing name stays. */
  name?: string | null;
  address: string;
}

export interface Command {
  id: string;
  word: string;
  payload: string;
  /** The bare JID of the account that sends it, and no other one may. */
  owner?: string;
}

export interface Answer {
  status: number;
  errorCode: string;
  messages: string[];
  users: string[];
  retryAfter: number;
}

/** An answer to one of the commands that a list of entries needs. */
export interface PartAnswer extends Answer {
  /** The index of its first entry. */
  first: number;
}

/** Keeps commands until they are answered. */
export interface Store {
  save(command: Command): void;
  remove(id: string): void;
  load(): Command[];
}

export interface Options {
  /** "web" by default. */
  platform?: Platform;
  /** In memory by default. */
  store?: Store;
  /** Reads a public document, such as `(url) => fetch(url)`. */
  fetch?: (url: string) => Promise<Response>;
  /** There is a new document. */
  onDocument?: (items: Item[], text: string) => void;
  /** An answer to a command of an earlier run. */
  onAnswer?: (answer: Answer, command: Command) => void;
  /** An answer that is not final: RATE_LIMITED. */
  onLimited?: (answer: Answer, command: Command) => void;
  /** Something is sent again: "document" or a command's word, and why. */
  onRepeat?: (what: string, reason: string) => void;
  /** Seconds before the first repeat, 5 by default; for tests. */
  firstPause?: number;
}

/** What the class needs of the module strophe.js. */
export interface StropheModule {
  Strophe: any;
  $iq: any;
  $msg: any;
  $pres: any;
}

/** The service on a Strophe connection; make it before the connection is opened. */
export class XMPPService {
  constructor(strophe: StropheModule, connection: any, service: string, options?: Options);
  /** What the service has announced; null before. */
  readonly live: Live | null;
  /** The newest document that was read; null before. */
  readonly text: string | null;
  /** The domain of the user. */
  readonly domain: string;
  readonly connection: any;
  readonly service: string;
  readonly platform: Platform;
  /** Ends all waiting for the document; the connection is the caller's. */
  close(): void;
  /** Call it for each status that Strophe reports. */
  onStatus(status: number, condition?: string | null): void;
  /** The items of the live document; repeats until it has them. */
  document(): Promise<Item[]>;
  /** Reads the document once; rejects if it does not come. */
  read(): Promise<string>;
  /** Begins with the document that an earlier run of the program has kept. */
  keep(text: string): Promise<void>;
  /** Subscribes to changes. */
  follow(): void;
  /** The items that this platform shows, groups with what they show. */
  shown(items: Item[]): Item[];
  route(channel: Item): Route;
  /** Sends a text to a channel; returns the id of the message. */
  write(channel: Item, text: string): string;
  /** Puts contacts on the user's roster. */
  addToRoster(contacts: Contact[]): AsyncGenerator<PartAnswer>;
  /** Looks for the users among phone numbers. */
  searchUsers(numbers: string[]): AsyncGenerator<PartAnswer>;
}

/** What came for a command: see `Commands.came`. */
export type Came =
  | { kind: "answer"; answer: Answer }
  | { kind: "receipt" }
  | { kind: "error"; type: string; condition: string };

/** Sends commands until they are answered; for other libraries than Strophe. */
export class Commands {
  constructor(options: {
    send: (command: Command) => Promise<void>;
    size: (command: Command) => number;
    store?: Store;
    onLimited?: (answer: Answer, command: Command) => void;
    onRepeat?: (word: string, reason: string) => void;
    firstPause?: number;
  });
  run(command: Command): Promise<Answer>;
  stored(owner?: string): Command[];
  came(id: string, event: Came): void;
  opened(options?: { isResumed?: boolean }): void;
  ended(options?: { isTooLarge?: boolean }): void;
}

/** A command has no answer, and a repeat would have none. */
export class CommandError extends Error {}
export class Refused extends CommandError {}
export class TooLarge extends CommandError {}

export function parseDocument(text: string): Item[];
export function shown(items: Item[], platform: Platform): Item[];
export function rows(items: Item[], depth?: number): Generator<{ depth: number; item: Item }>;
export function route(channel: Item, domain: string): Route;
export function hashOf(text: string): Promise<string>;
/** The JSON of a payload, which a server takes whatever is in its texts. */
export function payloadOf(fields: object): string;
export function readAnswer(text: string): Answer | null;
export function parts<Entry>(entries: Entry[], size: (some: Entry[]) => number, limit?: number): Entry[][];
export function memoryStore(): Store;
/** `prefix` is of one account: another one would send the commands as its own. */
export function webStore(storage: Storage, prefix?: string): Store;
