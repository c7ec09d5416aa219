// The cases of tests/clients/test_commands.py in JavaScript; with a file of texts, it
// prints what readAnswer makes of each.

import assert from "node:assert";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Commands, payloadOf, readAnswer, webStore } from "../../clients/javascript/src/index.js";

const PAUSE = 100; // milliseconds
const DONE = { kind: "answer", answer: { status: 0, errorCode: "", messages: [], users: [], retryAfter: 0 } };
const FAILED = { kind: "answer", answer: { status: 1, errorCode: "SQL_ERROR" } };
const LIMITED = { kind: "answer", answer: { status: 5, errorCode: "RATE_LIMITED", retryAfter: 0 } };
const RECEIPT = { kind: "receipt" };

function clientOf(react, bytes = 100) {
  const client = { count: 0, came: (event) => client.commands.came("a", event) };
  const send = async () => {
    client.count += 1;
    react(client);
  };
  client.commands = new Commands({ send, size: () => bytes, firstPause: PAUSE / 1000 });
  client.run = () => client.commands.run({ id: "a", word: "cmd_search_users", payload: "{}" });
  client.commands.opened();
  return client;
}

async function receiptAfterAnswer(answer) {
  const client = clientOf(({ count, came }) => (count === 1 ? [answer, RECEIPT] : [DONE]).forEach(came));
  await client.run();
  assert.equal(client.count, 2);
}

async function newStream() {
  const began = performance.now();
  const client = clientOf(({ count, came, commands }) => {
    if (count === 6) came(DONE);
    if (count !== 4) return;
    commands.ended();
    setTimeout(() => commands.opened(), PAUSE * 9);
  });
  await client.run();
  assert.ok(performance.now() - began < PAUSE * 26);
}

async function resumedStream() {
  const client = clientOf(() => {});
  const running = client.run();
  await sleep(0);
  client.commands.ended();
  await sleep(PAUSE * 2);
  client.commands.opened({ isResumed: true });
  client.came(DONE);
  await running;
  assert.equal(client.count, 1);
}

async function arrivedOnce() {
  const client = clientOf(({ count, came, commands }) => {
    if (count === 1) came(RECEIPT);
    if (count === 5) came(DONE);
    else setTimeout(() => [commands.ended(), commands.opened()], 5);
  }, 50_000);
  await client.run();
}

async function noLoop() {
  const client = clientOf(({ came, count }) => came(count === 1 ? LIMITED : DONE));
  const running = client.run();
  await sleep(PAUSE * 3);
  assert.equal(client.count, 1);
  await running;
}

function texts() {
  assert.equal(payloadOf({ a: "\uFFFE\uFFFF\uD83D" }), '{"a":"\\ufffe\\uffff\\ud83d"}');
}

function foreignValues() {
  const values = new Map([
    ["xmppservice.theme", "dark"],
    ["xmppservice.b", '"text"'],
    ["xmppservice.c", '{"id":"c","word":"cmd_search_users","payload":"{}"}'],
  ]);
  const storage = { length: values.size, key: (index) => [...values.keys()][index], getItem: (key) => values.get(key) };
  assert.deepEqual(webStore(storage).load().map(({ id }) => id), ["c"]);
}

const [file] = process.argv.slice(2);
if (file) console.log(JSON.stringify(JSON.parse(readFileSync(file)).map(readAnswer)));
else {
  texts();
  foreignValues();
  const cases = [receiptAfterAnswer(FAILED), receiptAfterAnswer(LIMITED), newStream(), resumedStream()];
  await Promise.all([...cases, arrivedOnce(), noLoop()]);
  console.log("fine");
}
