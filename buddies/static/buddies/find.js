// The search: words and chips; the server finds, the tree shows what it found.

import { get } from "./api.js";
import { byId, urls, withParameters, words } from "./page.js";
import { element } from "./preview.js";
import { tree } from "./tree.js";

const DELAY = 150; // milliseconds after a key

let found = null; // excerpts by the keys of what was found; null without a search
let asked = 0;
let timer;

function chips() {
  return [...document.querySelectorAll(".chips button")];
}

function kinds() {
  return chips().filter((chip) => chip.getAttribute("aria-pressed") === "true").map((chip) => chip.value);
}

function text() {
  return byId("search").value.trim();
}

export function isFinding() {
  return Boolean(text() || kinds().length);
}

export function listenToSearch() {
  byId("search").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, DELAY);
  });
  const linked = new URLSearchParams(location.search).get("show") ?? "";
  for (const chip of chips()) {
    if (linked.split(",").includes(chip.value)) chip.setAttribute("aria-pressed", "true");
    chip.addEventListener("click", () => {
      chip.setAttribute("aria-pressed", chip.getAttribute("aria-pressed") !== "true");
      search();
    });
  }
}

/** Shows what is found, with the groups around it; without words, everything. */
export async function search() {
  const own = (asked += 1);
  if (!isFinding()) {
    found = null;
    show();
    return;
  }
  show(); // what was found before, until the server answers
  const query = { words: text(), kinds: kinds().join() };
  try {
    const answer = await get(withParameters(urls.find, query));
    if (own !== asked) return;
    found = answer.found;
  } catch {
    return; // the banner says so
  }
  show();
}

function show() {
  if (!tree) return;
  const hits = found;
  const count = byId("found");
  count.hidden = hits === null;
  if (hits === null) {
    tree.clearFilter();
  } else {
    const number = Object.keys(hits).length;
    count.textContent = number === 1 ? words.oneFound : words.found.replace("%s", number);
    tree.filterNodes((node) => node.key in hits, { mode: "hide", autoExpand: true, noData: words.noMatch });
  }
  tree.update("any");
}

/** Returns the part of its other texts in which an entry was found. */
export function excerpt(key) {
  return found?.[key] ?? "";
}

// --- Marks -------------------------------------------------------------------------

function fold(letters) {
  return letters.normalize("NFKD").replace(/\p{Mn}/gu, "").toLowerCase();
}

/** Marks the searched words in a text. */
export function mark(place, written) {
  const terms = found ? fold(text()).split(/\s+/).filter(Boolean) : [];
  const isMarked = marked([...written], terms);
  if (!isMarked.includes(true)) return;
  const parts = [];
  [...written].forEach((letter, at) => {
    if (at && isMarked[at] === isMarked[at - 1]) parts.at(-1).textContent += letter;
    else parts.push(element(isMarked[at] ? "mark" : "span", "", letter));
  });
  place.replaceChildren(...parts);
}

/** Whether each letter is part of a word that is searched. */
function marked(letters, terms) {
  const folded = letters.map(fold);
  const whole = folded.join("");
  const places = folded.flatMap((part, at) => [...part].map(() => at));
  const result = letters.map(() => false);
  for (const term of terms) {
    for (let at = whole.indexOf(term); at >= 0; at = whole.indexOf(term, at + 1)) {
      for (let step = 0; step < term.length; step += 1) result[places[at + step]] = true;
    }
  }
  return result;
}
