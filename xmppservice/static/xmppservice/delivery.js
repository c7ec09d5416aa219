// The Delivery page: polls the state, and runs the check.

const { state, words } = JSON.parse(document.getElementById("script").textContent);
const page = document.getElementById("delivery");
const problem = document.getElementById("problem");
const verdict = document.getElementById("verdict");
const form = document.getElementById("check");
const POLL_MILLISECONDS = 5000;

let etag = "";

function show({ texts, tones, size }) {
  for (const one of page.querySelectorAll("[data-text]")) {
    const text = texts[one.dataset.text];
    if (one.textContent !== text) one.textContent = text;
    if (one.matches("p")) one.hidden = !text;
  }
  for (const one of page.querySelectorAll("[data-shown-with]")) one.hidden = !texts[one.dataset.shownWith];
  for (const one of page.querySelectorAll("[data-tone-of]")) one.dataset.tone = tones[one.dataset.toneOf];
  const meter = document.getElementById("size");
  meter.max = size.limit;
  meter.value = size.bytes;
}

function showProblem(text) {
  if (problem.textContent !== text) problem.textContent = text;
  problem.hidden = !text;
}

async function refresh() {
  try {
    const response = await fetch(state, { headers: etag ? { "If-None-Match": etag } : {}, cache: "no-store", redirect: "manual" });
    if (response.type === "opaqueredirect" || response.status === 403) return showProblem(words.loggedOut);
    if (response.status !== 304 && !response.ok) return showProblem(words.offline);
    if (response.ok) {
      etag = response.headers.get("ETag") ?? "";
      show(await response.json());
    }
    showProblem("");
  } catch {
    showProblem(words.offline);
  }
}

async function poll() {
  if (!document.hidden) await refresh();
  setTimeout(poll, POLL_MILLISECONDS);
}

function showVerdict(ok, message) {
  verdict.dataset.ok = ok;
  verdict.textContent = message;
  verdict.hidden = false;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  showVerdict("", words.checking);
  try {
    const response = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" }, redirect: "error" });
    const { ok, says: message } = await response.json();
    showVerdict(ok, message);
  } catch {
    showVerdict(false, words.offline);
  }
  button.disabled = false;
});

document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
setTimeout(poll, POLL_MILLISECONDS);
