// Edits: sends them to the server, and draws the results.
//
// Each edit names the version of the tree that it was made on. If the server
// refuses it, the tree is reloaded.

import { enqueue, isOffline, post, withReload } from "./api.js";
import { refresh, toast } from "./banner.js";
import { byId, urls, words } from "./page.js";
import { load, loadCount, loadSoon, patch, search, tree, version } from "./tree.js";

const WHERE = { before: "before", after: "after", over: "last", appendChild: "last" };

/** Sends an edit after those before it; draws the result. */
export function edit(name, body, isPlain = false) {
  const loadCountBefore = loadCount;
  return enqueue(async () => {
    try {
      const done = await post(urls[name], { seen: version, ...body });
      if (done.version > version) {
        const isNext = done.version === version + 1 && loadCount === loadCountBefore;
        // Without words it changed nothing, and another user made that version.
        if (isNext && isPlain && done.said) patch(done);
        else await load();
        // What went live is undone there, not in the campaign.
        const back = name === "do_live" ? null : () => undo(done.version);
        if (done.said) toast(done.said, back);
      }
    } catch (error) {
      toast(isOffline(error) ? words.offline : error.message);
      if (!isOffline(error)) await load().catch(() => {});
    }
    await refresh();
  });
}

export function undo(madeVersion) {
  byId("toast").classList.remove("shown");
  return edit("undo", { seen: madeVersion });
}

export function toggle(node, flag) {
  return edit("switch", { ids: [Number(node.key)], [flag]: !node.data[flag] }, true);
}

/** Moves at once on the screen, then on the server; key and place are keys of entries. */
export function move(key, place, how) {
  const node = tree.findKey(key);
  const target = place && tree.findKey(place);
  if (!node || (place && !target)) {
    reportDeleted();
    return;
  }
  if (target) node.moveTo(target, how === "over" ? "appendChild" : how);
  else node.moveTo(tree.root, "appendChild");
  if (byId("search").value) search();
  node.makeVisible();
  node.setActive();
  const body = { ids: [Number(key)], target: place && Number(place) };
  edit("move", { ...body, where: WHERE[how] }, true);
}

/** Says that an entry was deleted, and reloads the tree. */
function reportDeleted() {
  toast(withReload(words.gone));
  loadSoon();
}
