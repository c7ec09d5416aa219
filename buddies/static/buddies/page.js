// The data in the workspace's page: addresses, permissions and texts.

export const { urls, may, words, inCampaign, user, maxMegabytes, zone } = read("workspace");
export const narrow = matchMedia("(max-width: 767px)");

/** Adds parameters to an address, which may name a campaign already. */
export function withParameters(address, parameters) {
  const pairs = new URLSearchParams(parameters).toString();
  return `${address}${address.includes("?") ? "&" : "?"}${pairs}`;
}

/** Returns the address of a page of an entry. */
export function entryAddress(address, key) {
  return withParameters(address.replace("/0/", `/${key}/`), { from: "workspace" });
}

export function read(id) {
  return JSON.parse(byId(id).textContent);
}

export function byId(id) {
  return document.getElementById(id);
}
