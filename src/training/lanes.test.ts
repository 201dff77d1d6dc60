import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TokenSequence } from "../data/tokenize/token_sequence.ts";
import { readLora } from "../files/testing/read_lora.ts";
import { type Base, openBase } from "../pretrained/base.ts";
import { openSession } from "../runtime/node.ts";
import type { OpenSession } from "../runtime/session.ts";
import { goldenPath, maxDifference } from "../testing/goldens.ts";
import { type Engine, openEngine } from "./engine.ts";
import { allEnded, lanesFor } from "./lanes.ts";
import { adapterMethod, fullMethod } from "./method.ts";
import { objectiveSettings, openObjective } from "./objectives/objectives.ts";
import { goldenExamples } from "./testing/golden_examples.ts";
import { hostState } from "./trained_state.ts";

const session = { device: "cpu", threads: 2 } as const;
const examples = goldenExamples("data/tokens-chat-96.json").slice(0, 6);
const CASES: [type: string, lanes: number, rowLength: number, batch: TokenSequence[]][] = [
  ["sft", 2, 128, examples], // several passes a lane
  ["sft", 2, 1024, examples],
  ["sft", 4, 1024, examples.slice(0, 2)], // more lanes than examples
  ["dpo", 3, 1024, examples],
];

let base: Base;
const opened: Engine[] = [];
beforeAll(async () => {
  base = await openBase(goldenPath("models/llama-gqa"));
});
afterAll(() => Promise.all(opened.map((engine) => engine.release())));

async function openWith(lanes: number, rowLength: number, type: string, open: OpenSession = openSession) {
  const { tensors } = base.directory;
  const adapter = await readLora(goldenPath("training/llama-gqa-lora-all/initial"));
  const method = adapterMethod(tensors, adapter);
  const state = hostState(method.trainables);
  const objective = openObjective(objectiveSettings.parse({ type }));
  const reference = fullMethod(new Map(), tensors);
  const options = { rowLength, objective, reference, lanes, state, session };
  const engine = await openEngine(base.model, method, open, options);
  opened.push(engine);
  return { engine, state, method };
}

describe.each(CASES)("%s, %i lanes, rows of %i", (type, lanes, rowLength, batch) => {
  test("three steps are those of one lane, but for rounding", async () => {
    const run = async (count: number) => {
      const { engine, state, method } = await openWith(count, rowLength, type);
      const reference = await engine.reference(batch);
      const losses: number[] = [];
      for (let step = 1; step <= 3; step++) {
        const { loss, gradients, broken } = await engine.gradients(batch, { reference });
        expect(broken).toEqual([]);
        await state.step(gradients, { step, learningRate: 1e-3, weightDecay: 0.1, maxGradNorm: 1 });
        losses.push(loss);
      }
      return { losses, values: method.trainables.map(({ data }) => data.slice()) };
    };
    const [one, several] = [await run(1), await run(lanes)];
    expect(several.losses[2]).not.toBe(one.losses[0]);
    for (const [i, loss] of several.losses.entries())
      expect(Math.abs(loss / one.losses[i]! - 1)).toBeLessThan(1e-6);
    for (const [i, values] of several.values.entries())
      expect(maxDifference(values, one.values[i]!)).toBeLessThan(1e-4); // AdamW turns a rounded zero into a whole step
  });
});

test("a lane that fails is waited for with the others, and what is trained is there", async () => {
  let sessions = 0;
  const failing: OpenSession = async (...words) => {
    const opened = await openSession(...words);
    if (sessions++ !== 1) return opened;
    return { ...opened, run: () => Promise.reject(new Error("no memory")) };
  };
  const { engine, state, method } = await openWith(2, 1024, "sft", failing);
  await expect(engine.gradients(examples)).rejects.toThrow("no memory");
  await state.read();
  for (const { data, shape } of method.trainables) expect(data.length).toBe(shape[0]! * shape[1]!);
});

test("all are waited for before the first error is thrown", async () => {
  let isDone = false;
  const slow = new Promise<void>((done) => setTimeout(done, 5)).then(() => {
    isDone = true;
  });
  await expect(allEnded([slow, Promise.reject(new Error("first"))])).rejects.toThrow("first");
  expect(isDone).toBe(true);
});

test("a small model on a CPU has a lane for each thread and example", () => {
  expect(lanesFor(base.model, 4, { device: "cpu", threads: 2 })).toBe(2);
  expect(lanesFor(base.model, 1, { device: "cpu", threads: 2 })).toBe(1);
  expect(lanesFor(base.model, 64, { device: "cpu", threads: 64 })).toBe(8);
  expect(lanesFor(base.model, 4, { device: "webgpu", threads: 2 })).toBe(1);
});
