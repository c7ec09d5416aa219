// The dialog with a channel's link, its page and its QR code.

import { edits, get, isOffline } from "./api.js";
import { toast } from "./banner.js";
import { openDialog } from "./dialogs.js";
import { urls, words } from "./page.js";
import { button, element } from "./preview.js";
import { loadSoon } from "./tree.js";

const COPIED_MILLISECONDS = 2000;

export async function showLink(node) {
  let answer;
  try {
    await edits; // our own may have changed the address
    answer = await get(`${urls.link}?id=${node.key}`);
  } catch (error) {
    toast(isOffline(error) ? words.offline : error.message);
    loadSoon();
    return;
  }
  const { link, page, pictures, notes } = answer;
  const content = notes.map((note) => element("p", "warnings", note));
  if (link) content.push(field("link", words.linkField, link));
  if (page) content.push(field("page", words.pageField, page));
  if (pictures.svg) content.push(code(pictures));
  const dialog = openDialog(words.linkTitle.replace("%s", node.title), content, [], words.close);
  dialog.querySelector("button").focus();
}

/** A text to copy, with its button. */
function field(name, text, value) {
  const row = element("div", "copy-field");
  const label = element("label", "", text);
  const input = element("input");
  const copier = button("button", words.copy);
  const status = element("span", "visually-hidden");
  Object.assign(input, { id: `copy-${name}`, type: "text", readOnly: true, value });
  label.htmlFor = input.id;
  copier.setAttribute("aria-label", `${words.copy}: ${text}`);
  status.setAttribute("role", "status");
  input.addEventListener("focus", () => input.select());
  copier.addEventListener("click", async () => {
    if (!(await copy(input))) return;
    copier.textContent = status.textContent = words.copied;
    setTimeout(() => {
      copier.textContent = words.copy;
      status.textContent = "";
    }, COPIED_MILLISECONDS);
  });
  row.append(label, input, copier, status);
  return row;
}

/** Copies the text of an input; on a page without HTTPS, as old browsers did. */
async function copy(input) {
  try {
    await navigator.clipboard.writeText(input.value);
    return true;
  } catch {
    input.select();
    return document.execCommand("copy");
  }
}

function code(pictures) {
  const row = element("div", "qr-code");
  const image = element("img");
  const side = element("div");
  const files = element("div", "buttons");
  Object.assign(image, { src: pictures.svg, alt: words.qrCode, width: 160, height: 160 });
  for (const [kind, address] of Object.entries(pictures)) {
    const file = element("a", "button", words.download.replace("%s", kind.toUpperCase()));
    Object.assign(file, { href: address, download: "" });
    files.append(file);
  }
  side.append(files, element("p", "quiet", words.qrHint));
  row.append(image, side);
  return row;
}
