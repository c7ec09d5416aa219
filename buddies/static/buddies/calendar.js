// The calendar: a planned bar goes live on the day that it is dropped on, at the same
// time. The server judges the form that this sends, as it judges "Move to" in the list.

const month = document.querySelector(".month");
const form = document.getElementById("move");
let bar = null; // that is dragged
let target = null; // the day below it

for (const one of month.querySelectorAll("[data-move]")) one.draggable = true;
document.getElementById("drag-hint").hidden = !month.querySelector("[data-move]");

month.addEventListener("dragstart", (event) => {
  bar = event.target.closest?.("[data-move]") ?? null;
  if (!bar) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", bar.textContent.trim());
  for (const one of parts(bar)) one.classList.add("dragged");
});

month.addEventListener("dragover", (event) => {
  if (!bar) return;
  aim(dayAt(event));
  if (!target) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "move";
});

month.addEventListener("dragleave", (event) => {
  if (!month.contains(event.relatedTarget)) aim(null);
});

month.addEventListener("drop", (event) => {
  const day = dayAt(event);
  if (!bar || !day) return;
  event.preventDefault();
  const { move, version, due, time } = bar.dataset;
  form.action = move + location.search;
  form.elements.at.value = `${day.dataset.date}T${time}`;
  form.elements.version.value = version;
  form.elements.due.value = due;
  form.submit();
});

month.addEventListener("dragend", () => {
  aim(null);
  if (bar) for (const one of parts(bar)) one.classList.remove("dragged");
  bar = null;
});

/** The day below the pointer, also below bars; days that are over take nothing. */
function dayAt({ clientX, clientY }) {
  const found = document.elementsFromPoint(clientX, clientY);
  return found.find((one) => one.matches(".day:not(.past)")) ?? null;
}

function aim(day) {
  if (target === day) return;
  delete target?.dataset.drop;
  target = day;
  if (day) day.dataset.drop = bar.dataset.time;
}

/** A campaign's bars: it has one in each week. */
function parts({ dataset }) {
  return month.querySelectorAll(`[data-move="${dataset.move}"]`);
}
