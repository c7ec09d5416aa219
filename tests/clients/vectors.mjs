// Prints what the JavaScript package makes of the vectors, for tests/clients/test_vectors.py.

import { readFileSync } from "node:fs";
import { hashOf, parseDocument, readAnswer, route, rows, shown } from "../../clients/javascript/src/index.js";

const vectors = JSON.parse(readFileSync(new URL("../../clients/vectors.json", import.meta.url)));
const all = (items, platform) => Array.from(rows(shown(items, platform)), ({ item }) => item);
const addresses = (items, platform) => all(items, platform).map(({ address }) => address);

async function ofDocument({ text, domain }) {
  const items = parseDocument(text);
  const routes = all(items, "mobile").map((item) => [item.address, route(item, domain)]);
  return {
    sha1: await hashOf(text),
    mobile: addresses(items, "mobile"),
    web: addresses(items, "web"),
    routes: Object.fromEntries(routes.map(([address, { to, thread }]) => [address, [to, thread]])),
  };
}

const named = async (list, read) =>
  Object.fromEntries(await Promise.all(list.map(async (one) => [one.name, await read(one)])));

console.log(
  JSON.stringify({
    documents: await named(vectors.documents, ofDocument),
    answers: await named(vectors.answers, ({ payload }) => readAnswer(payload)),
    noAnswers: await named(vectors.noAnswers, ({ payload }) => readAnswer(payload)),
  }),
);
