// The Delivery page: polls the state, and runs the check.

const { state, words } = JSON.parse(document.getElementById("script").textContent);
const page = document.getElementById("delivery");
const problem = document.getElementById("problem");
const verdict = document.getElementById("verdict");
const form = document.getElementById("check");
const EVERY = 5000; // milliseconds

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

function complain(text) {
  if (problem.textContent !== text) problem.textContent = text;
  problem.hidden = !text;
}

async function ask() {
  try {
    const answer = await fetch(state, { headers: etag ? { "If-None-Match": etag } : {}, cache: "no-store", redirect: "manual" });
    if (answer.type === "opaqueredirect" || answer.status === 403) return complain(words.loggedOut);
    if (answer.status !== 304 && !answer.ok) return complain(words.offline);
    if (answer.ok) {
      etag = answer.headers.get("ETag") ?? "";
      show(await answer.json());
    }
    complain("");
  } catch {
    complain(words.offline);
  }
}

async function poll() {
  if (!document.hidden) await ask();
  setTimeout(poll, EVERY);
}

function judge(ok, says) {
  verdict.dataset.ok = ok;
  verdict.textContent = says;
  verdict.hidden = false;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  judge("", words.checking);
  try {
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" }, redirect: "error" });
    const { ok, says } = await answer.json();
    judge(ok, says);
  } catch {
    judge(false, words.offline);
  }
  button.disabled = false;
});

document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
setTimeout(poll, EVERY);
