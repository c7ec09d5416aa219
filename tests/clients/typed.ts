// What a TypeScript program writes with the package: tests/slow/clients/test_packages.py
// checks its types.

import { Answer, Item, Options, TooLarge, XMPPService, rows, webStore } from "xmppservice-client";

declare const strophe: { Strophe: any; $iq: any; $msg: any; $pres: any };
declare const connection: unknown;

const options: Options = {
  platform: "mobile",
  store: webStore(localStorage),
  fetch: (url) => fetch(url),
  onDocument: (items: Item[]) => console.log(items.length),
  onLimited: ({ retryAfter }: Answer) => console.log(retryAfter),
};
const service = new XMPPService(strophe, connection, "xmpp-service.example.org", options);

export async function main(): Promise<string[]> {
  const names: string[] = [];
  for (const { depth, item } of rows(service.shown(await service.document()))) {
    names.push("  ".repeat(depth) + item.info.name);
    if (item.type === "channel") service.write(item, service.route(item).thread);
  }
  try {
    for await (const { status, first, users } of service.searchUsers(["00393471111111"])) {
      names.push(`${status} ${first} ${users.join()}`);
    }
  } catch (error) {
    if (!(error instanceof TooLarge)) throw error;
  }
  // @ts-expect-error  a number is no phone number
  service.searchUsers([39347]);
  // @ts-expect-error  there is no such platform
  const wrong: Options = { platform: "desktop" };
  return [...names, String(wrong.platform)];
}
