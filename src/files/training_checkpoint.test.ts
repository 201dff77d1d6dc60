import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { AttuneError } from "../text/errors.ts";
import { readTensor } from "./safetensors.ts";
import { startChild } from "./testing/child.ts";
import { temporaryDirectory } from "./testing/temporary_directory.ts";
import {
  latestCheckpoint,
  type NamedTensor,
  pruneCheckpoints,
  readCheckpoint,
  writeCheckpoint,
} from "./training_checkpoint.ts";

const at = temporaryDirectory();
const tensor = (name: string, ...values: number[]): NamedTensor => ({
  name,
  shape: [1, values.length],
  data: Float32Array.from(values),
});

async function writeSteps(...steps: number[]): Promise<void> {
  for (const step of steps) await writeCheckpoint(at(), step, { tensors: [tensor("w", step)], state: {} });
}

test("comes back bit for bit", async () => {
  const state = {
    best: { loss: 0.1 + 0.2, step: 7 },
    tiny: 5e-324,

    list: [1, null, "é"],
  };
  const odd = tensor("a.lora_A", 0.1, -0, Number.NaN, Number.POSITIVE_INFINITY, 1e-45);
  const path = await writeCheckpoint(at(), 12, { tensors: [tensor("z", 1, 2), odd], state });
  expect(path).toBe(at("checkpoints/step-12"));
  const read = await readCheckpoint(path);
  expect(read.step).toBe(12);
  expect(read.state).toEqual(state);
  expect([...read.tensors.keys()].sort()).toEqual(["a.lora_A", "z"]);
  const back = await readTensor(read.tensors.get("a.lora_A")!);
  expect(Buffer.from(back.buffer).equals(Buffer.from(odd.data.buffer))).toBe(true);
  expect(read.tensors.get("z")!.shape).toEqual([1, 2]);
});

test("equal content gives equal bytes", async () => {
  const bytes = () =>
    ["state.json", "tensors.safetensors"].map((file) => readFileSync(at("checkpoints/step-3", file), "hex"));
  await writeSteps(3);
  const first = bytes();
  await writeSteps(3);
  expect(bytes()).toEqual(first);
});

test("the latest is the highest step, by number", async () => {
  expect(await latestCheckpoint(at("nowhere"))).toBeUndefined();
  await writeSteps(9, 100, 20);
  mkdirSync(at("checkpoints/step-200x"));
  mkdirSync(at("checkpoints/.step-300.4194999-0123abcd.attune-new"));
  expect(await latestCheckpoint(at())).toEqual({ step: 100, path: at("checkpoints/step-100") });
});

test("prune keeps the last few and the best", async () => {
  await writeSteps(1, 2, 3, 10, 11);
  await pruneCheckpoints(at(), { keep: 2, best: [2] });
  expect(readdirSync(at("checkpoints")).sort()).toEqual(["step-10", "step-11", "step-2"]);
  await pruneCheckpoints(at(), { keep: 0, best: [10] });
  expect(readdirSync(at("checkpoints"))).toEqual(["step-10"]);
});

test("a state that JSON would change is refused before anything is written", async () => {
  const writing = writeCheckpoint(at(), 1, { tensors: [], state: { best: Number.POSITIVE_INFINITY } });
  await expect(writing).rejects.toThrow("checkpoint state best is Infinity");
  expect(readdirSync(at())).toEqual([]);
});

describe("a damaged checkpoint is named", () => {
  test.each<[string, () => void, RegExp]>([
    [
      "state.json missing",
      () => rmSync(at("checkpoints/step-1/state.json")),
      /Cannot read .*step-1\/state\.json/,
    ],
    [
      "state.json cut",
      () => truncateSync(at("checkpoints/step-1/state.json"), 5),
      /state\.json is not valid JSON/,
    ],
    [
      "no step",
      () => writeFileSync(at("checkpoints/step-1/state.json"), "{}"),
      /state\.json: expected a step/,
    ],
    [
      "tensors cut",
      () => truncateSync(at("checkpoints/step-1/tensors.safetensors"), 70),
      /tensors\.safetensors.*damaged/,
    ],
  ])("%s", async (_, damage, message) => {
    await writeSteps(1);
    damage();
    const { path } = (await latestCheckpoint(at()))!;
    await expect(readCheckpoint(path)).rejects.toThrow(AttuneError);
    await expect(readCheckpoint(path)).rejects.toThrow(message);
  });
});

test.skipIf(process.platform === "win32")("kill -9 at any moment leaves whole checkpoints only", async () => {
  const source = `
    import { writeCheckpoint, pruneCheckpoints } from "#training_checkpoint.ts";
    for (let step = 1; ; step++) {
      const data = new Float32Array(200_000).fill(step);
      await writeCheckpoint(${JSON.stringify(at())}, step, { tensors: [{ name: "w", shape: [data.length], data }], state: { step } });
      await pruneCheckpoints(${JSON.stringify(at())}, { keep: 2 });
      if (step === 3) console.log("going");
    }`;
  for (let round = 0; round < 2; round++) {
    const child = startChild(at(), source);
    const ended = new Promise((resolve) => child.once("exit", resolve));
    await new Promise((resolve) => child.stdout!.once("data", resolve));
    await sleep(11 * round);
    child.kill("SIGKILL");
    await ended;
    const { step, path } = (await latestCheckpoint(at()))!;
    expect(step).toBeGreaterThanOrEqual(3);
    expect(readdirSync(at("checkpoints")).filter((name) => name.startsWith("."))).toEqual([]);
    const read = await readCheckpoint(path);
    expect(read.state).toEqual({ step });
    const values = await readTensor(read.tensors.get("w")!);
    expect(values.length).toBe(200_000);
    expect(values.every((value) => value === step)).toBe(true);
    rmSync(at("checkpoints"), { recursive: true });
  }
});
