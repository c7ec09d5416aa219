// Edits: sends them to the server, and draws the results.
//
// Each edit names the version of the tree that it was made on. If the server
// refuses it, the tree is reloaded.

import { enqueue, isOffline, post, state, withReload } from "./api.js";
import { refresh, toast } from "./banner.js";
import { confirm } from "./dialogs.js";
import { isFinding, search } from "./find.js";
import { byId, urls, words } from "./page.js";
import { redrawStates } from "./row.js";
import { keysOf, load, loadCount, loadSoon, patch, tree, version } from "./tree.js";

// What the server and the widget call a place: beside an entry, or inside a group.
const WHERE = { before: "before", after: "after", over: "last", first: "first" };
const MODE = { before: "before", after: "after", over: "appendChild", first: "prependChild" };

/** Says in the toast what an edit did, or why it was refused. */
export const toastReport = {
  done(done, name) {
    // What went live is undone there, not in the campaign.
    const back = name === "do_live" ? null : () => undo(done.version);
    if (done.said) toast(done.said, back, done);
  },
  failed(error) {
    if (isOffline(error)) toast(words.offline);
    else toast(error.isConflict ? withReload(error.message) : error.message);
  },
};

/** Sends an edit after those before it; draws the result, and reports it. */
export function edit(name, body, isPlain = false, report = toastReport) {
  const loadCountBefore = loadCount;
  return enqueue(async () => {
    try {
      const done = await post(urls[name], body instanceof FormData ? body : { seen: version, ...body });
      await drawEdit(done, isPlain && loadCount === loadCountBefore).catch(() => {}); // repeated
      await report.done(done, name);
    } catch (error) {
      if (!isOffline(error)) await load().catch(() => {});
      await report.failed(error);
    }
    await refresh();
  });
}

async function drawEdit(done, isPlain) {
  if (done.version <= version) return;
  // Without words it changed nothing, and another user made that version.
  if (isPlain && done.version === version + 1 && done.said) patch(done);
  else await load();
}

/** Undoes an edit; asks first if that deletes again what an undo had brought back. */
export async function undo(madeVersion) {
  byId("toast").classList.remove("shown");
  if (state.undo?.version !== madeVersion) await enqueue(refresh);
  const run = () => edit("undo", { seen: madeVersion });
  const { version: offered, deletes, words: title } = state.undo ?? {};
  if (offered === madeVersion && deletes) confirm(`${title}?`, [deletes], run);
  else run();
}

/** Shows or hides entries on mobile or web. */
export function toggle(nodes, flag, isOn) {
  return edit("switch", { ids: keysOf(nodes), [flag]: isOn }, true);
}

/** Gives an entry the name that was typed into its row. */
export function rename(node, { name, was, seen }) {
  edit("write", { ids: [Number(node.key)], texts: { name }, was: { name: was }, seen }, true);
}

/** Moves at once on the screen, then on the server; keys and place are those of entries. */
export function move(keys, place, how) {
  const nodes = keys.map((key) => tree.findKey(String(key)));
  const target = place && tree.findKey(place);
  if (nodes.includes(null) || (place && !target)) {
    reportDeleted();
    return;
  }
  let [beside, mode] = [target ?? tree.root, MODE[how]];
  for (const node of nodes) {
    if (node !== beside) node.moveTo(beside, mode);
    [beside, mode] = [node, "after"];
  }
  if (isFinding()) search();
  nodes[0].makeVisible();
  nodes[0].setActive();
  redrawStates();
  edit("move", { ids: keys.map(Number), target: place && Number(place), where: WHERE[how] }, true);
}

/** Says that an entry was deleted, and reloads the tree. */
function reportDeleted() {
  toast(withReload(words.gone));
  loadSoon();
}
