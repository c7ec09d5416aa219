// The document: what a platform shows, and where messages go (contract, section 1).

import { within } from "./time.js";

const FETCH_MILLISECONDS = 30_000;
const FLAGS = { mobile: "mobileIsPublished", web: "webIsPublished" };

/** Returns the items of a document; throws if it is none. */
export function parseDocument(text) {
  const document = JSON.parse(text);
  if (!Array.isArray(document?.items)) throw new Error("The document is not an object with items.");
  return document.items;
}

/**
 * Returns the items that `platform` shows, groups with what they show: neither an item
 * without the platform's flag, nor a group that shows nothing, nor an item of a type from
 * a later version.
 */
export function shown(items, platform) {
  return items.filter((item) => item[FLAGS[platform]]).flatMap((item) => {
    if (item.type === "channel") return [item];
    if (item.type !== "group") return [];
    const below = shown(item.items ?? [], platform);
    return below.length ? [{ ...item, items: below }] : [];
  });
}

/** Yields items, and what is below them, with their depth. */
export function* rows(items, depth = 0) {
  for (const item of items) {
    yield { depth, item };
    yield* rows(item.items ?? [], depth + 1);
  }
}

/** Returns where messages of a user of `domain` to a channel go; `thread` may be "". */
export function route({ address, serverAddress }, domain) {
  const name = serverAddress || address;
  return {
    to: name.includes("@") ? name : `${name}@${domain}`,
    thread: serverAddress ? address : "",
  };
}

/**
 * Returns the hash that the service announces: SHA-1 as 40 hex digits; "" in a page
 * without TLS, where a browser computes none.
 */
export async function hashOf(text) {
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) return "";
  const bytes = await subtle.digest("SHA-1", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Returns the document by HTTP; "" unless it is the one that the service has announced. */
export async function fetched(fetch, live) {
  if (!fetch || !live?.url) return "";
  try {
    const reading = fetch(live.url).then((response) => (response.ok ? response.text() : ""));
    const text = await within(FETCH_MILLISECONDS, reading);
    return (await hashOf(text)) === live.hash ? text : "";
  } catch {
    return "";
  }
}
