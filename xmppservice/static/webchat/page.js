// What the page of the webchat brings along: where the service is, and words.

export const { url, service, words, ...pauses } = JSON.parse(find("webchat").textContent);

export function find(id) {
  return document.getElementById(id);
}

export function say(place, text) {
  if (place.textContent !== text) place.textContent = text;
  place.hidden = !text;
}
