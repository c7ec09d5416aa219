// The webchat's configuration and texts, as the page contains them.

export const { url, service, words, ...pauses } = JSON.parse(find("webchat").textContent);

export function find(id) {
  return document.getElementById(id);
}

export function say(place, text) {
  if (place.textContent !== text) place.textContent = text;
  place.hidden = !text;
}
