// How long address books are split: contract, section 2, Sizes.

// As it is written to the stream. A browser cuts longer messages of a WebSocket into
// frames, which Prosody refuses (contract, section 2, Sizes).
export const MAX_STANZA_BYTES = 60_000;
export const MAX_ENTRIES = 10_000;

/**
 * Splits entries, in their order, so that each part makes a stanza below the limit;
 * `size` returns the bytes of the stanza with some entries.
 */
export function parts(entries, size, limit = MAX_STANZA_BYTES) {
  const found = [];
  let most = MAX_ENTRIES;
  for (let begin = 0; begin < entries.length; begin += found.at(-1).length) {
    let part = entries.slice(begin, begin + most);
    for (let bytes = size(part); part.length > 1 && bytes > limit; bytes = size(part)) {
      // A proportion, then a little less: no search by single entries.
      part = part.slice(0, Math.max(1, Math.floor((part.length * limit * 0.95) / bytes)));
    }
    found.push(part);
    // The next one is hardly twice as long: measuring all that is left takes minutes.
    most = Math.min(MAX_ENTRIES, 2 * part.length);
  }
  return found;
}
