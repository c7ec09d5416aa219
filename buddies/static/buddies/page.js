// The data in the workspace's page: addresses, permissions and texts.

export const { urls, may, words } = read("workspace");
export const narrow = matchMedia("(max-width: 767px)");

export function read(id) {
  return JSON.parse(byId(id).textContent);
}

export function byId(id) {
  return document.getElementById(id);
}
