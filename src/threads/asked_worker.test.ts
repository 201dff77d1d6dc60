import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { askedWorker } from "./asked_worker.ts";

const started = (code: string) =>
  askedWorker(
    new Worker(
      `const { parentPort } = require("node:worker_threads"); parentPort.on("message", (n) => { ${code} });`,
      {
        eval: true,
      },
    ),
  );

test("answers belong to questions in their order", async () => {
  const worker = started("parentPort.postMessage(2 * n)");
  const answers = [1, 2, 3].map((n) => worker.ask<number>(n));
  expect(worker.waiting()).toBe(3);
  expect(await Promise.all(answers)).toEqual([2, 4, 6]);
  expect(worker.waiting()).toBe(0);
  await worker.end();
});

test("buffers go along, and come back", async () => {
  const worker = started("n[0] = 7; parentPort.postMessage(n, [n.buffer])");
  const lent = new Uint8Array(1);
  const answer = worker.ask<Uint8Array>(lent, [lent.buffer]);
  expect(lent.length).toBe(0);
  expect([...(await answer)]).toEqual([7]);
  await worker.end();
});

test.each([
  ["throw new Error('too hot')", "too hot"],
  ["process.exit(3)", "exit code 3"],
])("a worker that does `%s` fails all open questions, and later ones", async (code, why) => {
  const worker = started(code);
  const answers = [worker.ask(1), worker.ask(2)];
  await Promise.all(answers.map((answer) => expect(answer).rejects.toThrow(why)));
  expect(worker.hasEnded()).toBe(true);
  await expect(worker.ask(3)).rejects.toThrow(why);
});

test("a worker that is ended fails open questions", async () => {
  const worker = started("");
  const answer = worker.ask(1);
  await Promise.all([worker.end(), expect(answer).rejects.toThrow(/exit code \d/)]);
});
