import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { AttuneError } from "../text/errors.ts";
import { readTensor } from "./safetensors.ts";
import { startChild } from "./testing/child.ts";
import { temporaryDirectory } from "./testing/temporary_directory.ts";
import {
  type NamedTensor,
  pruneCheckpoints,
  readCheckpoint,
  readCheckpoints,
  setAside,
  writeCheckpoint,
} from "./training_checkpoint.ts";

const at = temporaryDirectory();
const tensor = (name: string, ...values: number[]): NamedTensor => ({
  name,
  shape: [1, values.length],
  data: Float32Array.from(values),
});

async function writeSteps(...steps: number[]): Promise<void> {
  for (const step of steps)
    await writeCheckpoint(at(), step, { tensors: [tensor("w", step)], state: { best: 0.5 } });
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
  expect(await readCheckpoints(at("nowhere"))).toEqual({ damaged: [] });
  await writeSteps(9, 100, 20);
  mkdirSync(at("checkpoints/step-200x"));
  mkdirSync(at("checkpoints/step-0300"));
  mkdirSync(at("checkpoints/step-300.damaged"));
  mkdirSync(at("checkpoints/.step-300.4194999-0123abcd-00000000.attune-new"));
  const { sound, damaged } = await readCheckpoints(at());
  expect(sound).toMatchObject({ step: 100, path: at("checkpoints/step-100") });
  expect(damaged).toEqual([]);
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

const file = (name: "state.json" | "tensors.safetensors", step = 2) => at(`checkpoints/step-${step}`, name);

function changeState(change: (state: Record<string, unknown>) => void): void {
  const state = JSON.parse(readFileSync(file("state.json"), "utf8"));
  change(state);
  writeFileSync(file("state.json"), JSON.stringify(state));
}

describe("a damaged checkpoint is named, and the one before it is taken", () => {
  test.each<[string, () => void, RegExp]>([
    ["state.json missing", () => rmSync(file("state.json")), /Cannot read .*step-2\/state\.json/],
    ["state.json cut", () => truncateSync(file("state.json"), 5), /state\.json: not valid JSON/],
    ["state.json empty", () => truncateSync(file("state.json"), 0), /state\.json: not valid JSON/],
    ["no step", () => writeFileSync(file("state.json"), "{}"), /state\.json: damaged: it is not a step/],
    [
      "no hashes",
      () => writeFileSync(file("state.json"), '{"step":2,"state":{}}'),
      /state\.json: damaged: it is not a step/,
    ],
    [
      "another number in the state",
      () => changeState((state) => Object.assign(state, { state: { best: 0.25 } })),
      /state\.json: damaged: its hash is another/,
    ],
    [
      "another step",
      () => changeState((state) => Object.assign(state, { step: 3 })),
      /state\.json: damaged: its hash is another/,
    ],
    ["tensors missing", () => rmSync(file("tensors.safetensors")), /Cannot read .*tensors\.safetensors/],
    ["tensors cut", () => truncateSync(file("tensors.safetensors"), 70), /tensors\.safetensors.*damaged/],
    [
      "one number of the tensors changed",
      () => {
        const bytes = readFileSync(file("tensors.safetensors"));
        bytes[bytes.length - 1]! ^= 1;
        writeFileSync(file("tensors.safetensors"), bytes);
      },
      /tensors\.safetensors: damaged: its hash is another than state\.json says/,
    ],
    [
      "tensors of another step",
      () => writeFileSync(file("tensors.safetensors"), readFileSync(file("tensors.safetensors", 1))),
      /tensors\.safetensors: damaged: its hash/,
    ],
    [
      "another step's files",
      () => {
        rmSync(at("checkpoints/step-2"), { recursive: true });
        cpSync(at("checkpoints/step-1"), at("checkpoints/step-2"), { recursive: true });
      },
      /state\.json: damaged: it is of step 1/,
    ],
    [
      "no directory",
      () => {
        rmSync(at("checkpoints/step-2"), { recursive: true });
        writeFileSync(at("checkpoints/step-2"), "");
      },
      /Cannot read .*step-2\/state\.json/,
    ],
  ])("%s", async (_, damage, message) => {
    await writeSteps(1, 2);
    damage();
    const { sound, damaged } = await readCheckpoints(at());
    expect(damaged).toEqual([{ path: at("checkpoints/step-2"), problem: expect.stringMatching(message) }]);
    expect(sound).toMatchObject({ step: 1 });
    await expect(readCheckpoint(at("checkpoints/step-2"))).rejects.toThrow(AttuneError);
    rmSync(at("checkpoints/step-1"), { recursive: true });
    expect(await readCheckpoints(at())).toEqual({ damaged });
  });
});

test("what is set aside is kept under another name", async () => {
  for (const name of ["step-1.damaged", "step-1.damaged-2"]) {
    await writeSteps(1);
    expect(await setAside(at("checkpoints/step-1"))).toBe(at("checkpoints", name));
  }
  expect(readdirSync(at("checkpoints"))).toEqual(["step-1.damaged", "step-1.damaged-2"]);
  await pruneCheckpoints(at(), { keep: 0 });
  expect(readdirSync(at("checkpoints")).length).toBe(2);
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
    const { sound, damaged } = await readCheckpoints(at());
    expect(damaged).toEqual([]);
    expect(sound!.step).toBeGreaterThanOrEqual(3);
    expect(readdirSync(at("checkpoints")).filter((name) => name.startsWith("."))).toEqual([]);
    const { step, state, tensors } = sound!;
    expect(state).toEqual({ step });
    const values = await readTensor(tensors.get("w")!);
    expect(values.length).toBe(200_000);
    expect(values.every((value) => value === step)).toBe(true);
    rmSync(at("checkpoints"), { recursive: true });
  }
});
