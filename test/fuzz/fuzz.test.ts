import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AttuneError } from "../../src/text/errors.ts";
import { createDraw } from "./draw.ts";
import { makeInputOf } from "./inputs.ts";
import { runStorm } from "./storm.ts";
import { writeInput } from "./target.ts";
import { targets } from "./targets.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "attune-fuzz-test-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

test("mutated files of every kind are read, or refused in our words, in time", async () => {
  const names = targets.map(({ name }) => name);
  expect(await runStorm({ targets: names, runs: 25, seed: 1, directory })).toEqual([]);
}, 300_000);

test("what is right is read, so that what is wrong reaches far", async () => {
  for (const target of targets) {
    const inputs = await target.valid();
    let read = 0;
    for (const [i, input] of inputs.entries()) {
      writeInput(join(directory, target.name, `${i}`), input);
      await target.read(join(directory, target.name, `${i}`), createDraw("right", i)).then(
        () => read++,
        (error) => expect(error, target.name).toBeInstanceOf(AttuneError),
      );
    }
    if (target.name !== "hub") expect(read / inputs.length, target.name).toBeGreaterThanOrEqual(0.5);
  }
}, 120_000);

test("the fuzzer sees faults of every kind, and keeps their input", async () => {
  const storm = (kinds: readonly string[], cpuSeconds: number) =>
    runStorm({ targets: kinds.map((kind) => `broken-${kind}`), runs: 1, seed: 7, directory, cpuSeconds });
  const faults = [
    ...(await storm(["throws", "rejects", "talks", "grows", "dies", "refuses"], 60)), // pages may be slow to come
    ...(await storm(["hangs"], 3)),
  ];
  expect(faults.map(({ target, what }) => [target, what.split("\n")[0]])).toEqual([
    ["broken-throws", "threw TypeError: not ours"],
    ["broken-rejects", "rejected, unhandled: Error: nobody waits for this"],
    ["broken-talks", expect.stringMatching(/^a message of 2000 characters: aaa/)],
    ["broken-grows", expect.stringMatching(/^memory grew by \d{4} MB/)],
    ["broken-dies", expect.stringMatching(/^the process died/)],
    ["broken-hangs", "it took more than 3 s"],
  ]);
  expect(readdirSync(directory)).toHaveLength(6);
  expect(readFileSync(join(faults[0]!.directory, "FAULT.txt"), "utf8")).toContain("not ours");
}, 120_000);

test("a seed gives the same input each time, another one another", async () => {
  for (const { name } of targets) {
    const make = async (seed: number) => [...(await makeInputOf({ target: name, seed })).input].map(String);
    expect(await make(3), name).toEqual(await make(3));
  }
  const inputs = new Set<string>();
  for (let seed = 0; seed < 20; seed++)
    inputs.add(String([...(await makeInputOf({ target: "rows", seed })).input.values()]));
  expect(inputs.size).toBeGreaterThan(15);
});
