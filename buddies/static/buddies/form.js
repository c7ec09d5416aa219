// The form of an entry: tabs, counters, the chosen picture, and a preview.
// Without it the form is four plain fieldsets, and works.

import { keepDrafts } from "./form_drafts.js";
import { isAddress, unlessBlank } from "./preview.js";

const field = (name) => document.getElementById(`id_${name}`);
const text = (name) => field(name)?.value ?? "";
const isGroup = () => text("type") === "group";

// The picture as a square ImageBitmap, while one is chosen.
let chosen = null;

// --- Tabs ------------------------------------------------------------------

function makeTabs(box) {
  const panels = [...box.querySelectorAll(":scope > fieldset")].map(makePanel);
  const list = document.createElement("div");
  list.className = "entry-tablist";
  list.setAttribute("role", "tablist");
  list.setAttribute("aria-label", box.dataset.label);
  const tabs = panels.map((panel, place) => makeTab(panel, place, box.dataset.error));
  list.append(...tabs);
  list.addEventListener("click", (event) => {
    const place = tabs.indexOf(event.target.closest("[role=tab]"));
    if (place >= 0) open(tabs, panels, place);
  });
  list.addEventListener("keydown", (event) => {
    const place = placeAfter(event.key, tabs.indexOf(event.target), tabs.length);
    if (place === null) return;
    event.preventDefault();
    open(tabs, panels, place);
    tabs[place].focus();
  });
  box.prepend(list);
  box.classList.add("has-tabs");
  const asked = Number(location.hash.replace("#part-", "")) || 0;
  const wrong = panels.findIndex(hasErrors);
  open(tabs, panels, wrong < 0 ? Math.min(asked, tabs.length - 1) : wrong);
}

// A fieldset itself cannot be a tab's panel.
function makePanel(fieldset) {
  const panel = document.createElement("div");
  panel.setAttribute("role", "tabpanel");
  fieldset.replaceWith(panel);
  panel.append(fieldset);
  return panel;
}

function makeTab(panel, place, errorText) {
  const tab = document.createElement("button");
  tab.type = "button";
  tab.id = `entry-tab-${place}`;
  tab.setAttribute("role", "tab");
  tab.textContent = panel.querySelector(".fieldset-heading").textContent;
  if (hasErrors(panel)) {
    const mark = document.createElement("span");
    mark.className = "entry-tab-error";
    mark.textContent = errorText;
    tab.append(" ", mark);
  }
  panel.id = `entry-panel-${place}`;
  panel.setAttribute("aria-labelledby", tab.id);
  tab.setAttribute("aria-controls", panel.id);
  return tab;
}

function hasErrors(panel) {
  return panel.querySelector(".errorlist") !== null;
}

function open(tabs, panels, place) {
  tabs.forEach((tab, here) => {
    tab.setAttribute("aria-selected", here === place);
    tab.tabIndex = here === place ? 0 : -1;
    panels[here].hidden = here !== place;
  });
}

function placeAfter(key, place, count) {
  switch (key) {
    case "ArrowRight": return (place + 1) % count;
    case "ArrowLeft": return (place + count - 1) % count;
    case "Home": return 0;
    case "End": return count - 1;
    default: return null;
  }
}

// --- Texts -----------------------------------------------------------------

function makeCounter(input) {
  const counter = document.createElement("div");
  counter.className = "help entry-counter";
  const count = () => {
    counter.textContent = `${input.value.length} / ${input.maxLength}`;
    counter.classList.toggle("is-full", input.value.length >= input.maxLength);
  };
  input.closest(".flex-container").after(counter);
  input.addEventListener("input", count);
  count();
}

// Groups have none of these. A filled-in field stays visible, to be cleared.
function hideWhatGroupsLack() {
  for (const name of ["default_message", "server_address"]) {
    const row = field(name)?.closest(".form-row");
    if (row) row.hidden = isGroup() && text(name) === "";
  }
}

// --- The picture -----------------------------------------------------------

function makeAvatar(box) {
  const input = field("avatar");
  const drop = box.querySelector(".avatar-drop");
  const remove = box.querySelector(".avatar-remove input");
  const mark = (event, isOver) => {
    event.preventDefault();
    drop.classList.toggle("is-over", isOver);
  };
  drop.addEventListener("dragover", (event) => mark(event, true));
  drop.addEventListener("dragleave", (event) => mark(event, false));
  drop.addEventListener("drop", (event) => {
    mark(event, false);
    if (event.dataTransfer.files.length) {
      input.files = event.dataTransfer.files;
      input.dispatchEvent(new Event("change"));
    }
  });
  input.addEventListener("change", async () => {
    if (remove) remove.checked = false;
    await choose(input, box);
    draw();
  });
  remove?.addEventListener("change", () => {
    input.value = "";
    chosen = null;
    draw();
  });
}

async function choose(input, box) {
  const file = input.files[0];
  const error = box.querySelector(".avatar-error");
  error.textContent = "";
  chosen = null;
  if (!file) return;
  if (file.size > box.dataset.maxMegabytes * 1024 * 1024) {
    error.textContent = box.dataset.tooLarge;
  } else {
    try {
      chosen = await createImageBitmap(file);
    } catch {
      error.textContent = box.dataset.unreadable;
    }
  }
  if (!chosen) input.value = "";
}

function presentPicture() {
  if (field("avatar")?.closest(".avatar").querySelector(".avatar-remove input")?.checked) return "";
  return text("image_url") || text("thumb_url");
}

function drawFace(face) {
  const address = presentPicture();
  if (chosen) {
    face.replaceChildren(square(chosen));
  } else if (isAddress(address)) {
    face.replaceChildren(picture(address, face));
  } else {
    drawInitial(face);
  }
}

function square(bitmap) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 192;
  const side = Math.min(bitmap.width, bitmap.height);
  const [left, top] = [(bitmap.width - side) / 2, (bitmap.height - side) / 2];
  canvas.getContext("2d").drawImage(bitmap, left, top, side, side, 0, 0, 192, 192);
  return canvas;
}

function picture(address, face) {
  const image = new Image();
  image.alt = "";
  image.referrerPolicy = "no-referrer";
  image.addEventListener("error", () => drawInitial(face));
  image.src = address;
  return image;
}

function drawInitial(face) {
  const [initial = "?"] = text("name").trim();
  face.replaceChildren(initial.toUpperCase());
}

// --- The preview -----------------------------------------------------------

function draw() {
  document.querySelectorAll(".avatar .face, .entry-card .face").forEach(drawFace);
  drawTexts();
}

function drawTexts() {
  const card = document.querySelector(".entry-card");
  const name = card.querySelector(".entry-name");
  const message = isGroup() ? "" : unlessBlank(text("default_message"));
  name.textContent = text("name") || name.dataset.empty;
  card.querySelector(".entry-status").textContent = text("status");
  card.querySelector(".entry-bubble").textContent = message;
  card.querySelector(".entry-bubble").hidden = message === "";
  card.querySelector(".entry-silence").hidden = message !== "";
  card.querySelector(".entry-chat").hidden = isGroup();
  // Only letters: pictures would be loaded again at each keystroke.
  for (const face of document.querySelectorAll(".avatar .face, .entry-card .face")) {
    if (!face.firstElementChild) drawInitial(face);
  }
}

function makePreview() {
  for (const name of ["name", "status", "default_message", "type"]) {
    field(name).addEventListener("input", () => {
      hideWhatGroupsLack();
      drawTexts();
    });
  }
  for (const name of ["image_url", "thumb_url"]) {
    field(name).addEventListener("change", draw);
  }
  document.querySelector(".entry-card").hidden = false;
  hideWhatGroupsLack();
  draw();
}

// Users who cannot edit have tabs, and no fields.
document.querySelectorAll(".entry-tabs").forEach(makeTabs);
if (field("name")) {
  keepDrafts();
  ["name", "status"].map(field).forEach(makeCounter);
  makeAvatar(document.querySelector(".avatar"));
  makePreview();
}
