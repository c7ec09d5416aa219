// What the page of the workspace brings along: addresses, permissions and words.

export const { urls, may, words } = read("workspace");
export const narrow = matchMedia("(max-width: 767px)");

export function read(id) {
  return JSON.parse(byId(id).textContent);
}

export function byId(id) {
  return document.getElementById(id);
}
