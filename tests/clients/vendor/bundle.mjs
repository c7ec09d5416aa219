// Bundles each library into one file, in the versions of package-lock.json, with the
// licences of what is in it: `make client-bundle`.

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const LIBRARIES = {
  "strophe.js": 'export * from "strophe.js"',
  "@xmpp/client": 'export * from "@xmpp/client"',
  // Its names cannot be read from outside, because it is CommonJS.
  stanza: 'export { JXT, createClient } from "stanza"',
};
const REQUIRE =
  'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';

/** The packages of the bundled files. */
function packages(files) {
  const paths = Object.keys(files).filter((file) => file.startsWith("node_modules/"));
  const names = paths.map((path) => path.match(/^node_modules\/((@[^/]+\/)?[^/]+)/)[1]);
  return [...new Set(names)].sort();
}

/** Each licence once, with the packages that it is of. */
function licences(names) {
  const holders = new Map();
  for (const name of names) {
    const folder = `node_modules/${name}`;
    const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice)/i.test(file));
    const texts = files.map((file) => readFileSync(`${folder}/${file}`, "utf8").trim());
    const { license, licenses } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
    const text = texts.join("\n\n") || `Licence: ${license ?? licenses[0].type}`;
    holders.set(text, [...(holders.get(text) ?? []), name]);
  }
  return [...holders].map(([text, of]) => `==> ${of.join(", ")} <==\n${text}\n`).join("\n");
}

for (const [name, contents] of Object.entries(LIBRARIES)) {
  mkdirSync(name, { recursive: true });
  const { metafile } = await build({
    stdin: { contents, resolveDir: "." },
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node18",
    minify: true,
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
    outfile: `${name}/index.js`,
    banner: { js: REQUIRE },
  });
  writeFileSync(`${name}/LICENSE`, licences(packages(metafile.inputs)));
  const module = { name, type: "module", exports: "./index.js" };
  writeFileSync(`${name}/package.json`, `${JSON.stringify(module, null, 2)}\n`);
}
