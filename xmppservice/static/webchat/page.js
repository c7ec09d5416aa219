// The webchat's configuration and texts, as the page contains them.

export const { url, service, words, ...pauses } = JSON.parse(find("webchat").textContent);

export function find(id) {
  return document.getElementById(id);
}

export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
  target.hidden = !text;
}
