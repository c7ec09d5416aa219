// Pictures: chosen, or dropped on an entry; the server makes them square.

import { toast } from "./banner.js";
import { edit } from "./edits.js";
import { may, maxMegabytes, words } from "./page.js";
import { element } from "./preview.js";

/** Opens the browser's dialog for a picture. */
export function chooser(chosen) {
  const input = element("input");
  input.type = "file";
  input.accept = "image/*";
  input.addEventListener("change", () => input.files[0] && chosen(input.files[0]));
  input.click();
}

/** Stores a picture for an entry; null removes the one that it has. */
export function upload(key, file) {
  if (file && file.size > maxMegabytes * 1024 * 1024) {
    toast(words.pictureTooLarge.replace("%s", maxMegabytes));
    return Promise.resolve();
  }
  const form = new FormData();
  form.append("id", key);
  if (file) form.append("picture", file);
  else form.append("remove", "1");
  return edit("picture", form, true);
}

function hasFile(event) {
  return event.dataTransfer?.types.includes("Files");
}

/** Lets a picture be dropped on an element. */
export function dropZone(place, dropped) {
  const mark = (isOver) => place.classList.toggle("is-over", isOver);
  place.addEventListener("dragover", (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    mark(true);
  });
  place.addEventListener("dragleave", () => mark(false));
  place.addEventListener("drop", (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    mark(false);
    if (event.dataTransfer.files[0]) dropped(event.dataTransfer.files[0]);
  });
}

/** Lets a picture be dropped on each row of the tree; the widget drags rows itself. */
export function dropOnRows(grid, keyAt) {
  if (!may.change) return;
  let marked = null;
  const mark = (row) => {
    marked?.classList.remove("is-over");
    marked = row;
    row?.classList.add("is-over");
  };
  const listen = (name, run) =>
    grid.addEventListener(
      name,
      (event) => {
        if (!hasFile(event)) return;
        event.preventDefault();
        event.stopPropagation();
        run(event.target.closest(".wb-row"), event);
      },
      { capture: true },
    );
  listen("dragenter", mark);
  listen("dragover", mark);
  listen("dragleave", () => mark(null));
  listen("drop", (row, event) => {
    mark(null);
    const key = row && keyAt(row);
    if (key && event.dataTransfer.files[0]) upload(key, event.dataTransfer.files[0]);
  });
}
