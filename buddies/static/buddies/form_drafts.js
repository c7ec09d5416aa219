// What is typed into the form of an entry is kept in this tab until it is saved: it
// outlives an expired session and another language. Leaving the form asks.

const form = document.getElementById("buddy_form");
const box = document.querySelector(".entry-form");
const PLACE = `form ${box?.dataset.user} ${location.pathname}${location.search}`;
const OTHERS = ["csrfmiddlewaretoken"];

let isDirty = false;
let isSubmitted = false;

/** [name, value] of the fields; of a choice, also the words of the chosen option. */
function values() {
  const sent = [...new FormData(form)];
  const texts = sent.filter(([name, value]) => typeof value === "string" && !OTHERS.includes(name));
  return texts.map(([name, value]) => [name, value, form.elements[name].selectedOptions?.[0]?.textContent]);
}

function keep() {
  isDirty = true;
  sessionStorage.setItem(PLACE, JSON.stringify(values()));
}

// Not what the form shows, but what it was made of.
function visible(all) {
  const shown = all.filter(([name]) => name !== "seen" && name !== "base");
  return JSON.stringify(shown.map(([name, value]) => [name, value]));
}

/** Puts kept values back; returns whether that changes the form. */
function restore(kept) {
  const all = JSON.parse(kept);
  if (visible(all) === visible(values())) return false;
  const texts = new Map(all.map(([name, ...rest]) => [name, rest]));
  for (const field of form.elements) {
    if (!field.name || field.type === "file" || OTHERS.includes(field.name)) continue;
    if (field.type === "checkbox") field.checked = texts.has(field.name);
    else if (texts.has(field.name)) setValue(field, ...texts.get(field.name));
  }
  return true;
}

function setValue(field, value, label) {
  // A search for a group offers only the chosen one.
  const isOffered = !field.options || [...field.options].some((one) => one.value === value);
  if (!isOffered) field.append(new Option(label, value));
  field.value = value;
}

function sayRestored() {
  const note = document.createElement("p");
  note.className = "restored";
  note.setAttribute("role", "status");
  const discard = document.createElement("button");
  discard.type = "button";
  discard.className = "button";
  discard.textContent = box.dataset.discard;
  discard.addEventListener("click", () => {
    sessionStorage.removeItem(PLACE);
    isDirty = false;
    location.reload();
  });
  note.append(box.dataset.restored, " ", discard);
  form.prepend(note);
}

/** Puts the text of somebody else into its field. */
function offerTheirs(field) {
  const take = document.createElement("button");
  take.type = "button";
  take.className = "button";
  take.textContent = box.dataset.takeTheirs;
  take.addEventListener("click", () => {
    field.value = field.dataset.theirs;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  });
  field.closest(".form-row").querySelector(".errorlist")?.after(take);
}

/** Keeps what is typed from now on, and puts back what was kept before. */
export function keepDrafts() {
  const kept = sessionStorage.getItem(PLACE);
  const hasErrors = document.querySelector(".errornote") !== null;
  const isRestored = kept !== null && !hasErrors && restore(kept);
  if (isRestored) sayRestored();
  if (isRestored || hasErrors) keep();
  else sessionStorage.removeItem(PLACE);
  form.addEventListener("input", keep);
  form.addEventListener("change", keep);
  form.addEventListener("submit", () => {
    isSubmitted = true;
    sessionStorage.setItem("form submitted", PLACE);
  });
  addEventListener("beforeunload", (event) => isDirty && !isSubmitted && event.preventDefault());
  form.querySelectorAll("textarea[data-theirs], input[type=text][data-theirs]").forEach(offerTheirs);
}
