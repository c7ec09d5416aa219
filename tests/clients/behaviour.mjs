// Runs the cases of behaviour.py, which come as JSON, with the JavaScript package.

import { readFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { Commands } from "../../clients/javascript/src/index.js";

const HOUR = 3600;
const results = {};
for (const [name, [steps, , , sizes]] of Object.entries(JSON.parse(readFileSync(0, "utf8")))) {
  results[name] = await play(steps, sizes);
}
console.log(JSON.stringify(results));
process.exit(); // the timers of those that wait

async function play(steps, sizes) {
  const sends = sizes.map(() => 0);
  const commands = new Commands({
    send: async ({ id }) => void (sends[id] += 1),
    size: ({ id }) => sizes[id],
    firstPause: HOUR,
  });
  const outcomes = sizes.map(() => "waiting");
  sizes.forEach((_, id) => {
    commands.run({ id: String(id), word: "cmd", payload: "" }).then(
      ({ status }) => (outcomes[id] = status),
      (error) => (outcomes[id] = error.constructor.name),
    );
  });
  await turn();
  for (const step of steps) {
    take(commands, step);
    await turn();
  }
  return [sends, outcomes];
}

function take(commands, [kind, first, retryAfter, command]) {
  if (kind === "open") commands.opened();
  if (kind === "resume") commands.opened({ isResumed: true });
  if (kind === "end") commands.ended();
  if (kind === "end-large") commands.ended({ isTooLarge: true });
  if (kind === "receipt") commands.came("0", { kind: "receipt" });
  if (kind === "error") commands.came("0", { kind: "error", type: first, condition: "a-condition" });
  if (kind === "answer") {
    const answer = { status: first, errorCode: "", messages: [], users: [], retryAfter };
    commands.came(String(command), { kind: "answer", answer });
  }
}
