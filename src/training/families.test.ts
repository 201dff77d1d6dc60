import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { TokenSequence } from "../data/tokenize/token_sequence.ts";
import { readTensor } from "../files/safetensors.ts";
import { readModel } from "../models/families.ts";
import { modelLayout } from "../models/layout.ts";
import { openModelDirectory } from "../pretrained/model_directory.ts";
import { openSession } from "../runtime/node.ts";
import { goldenPath, maxDifference } from "../testing/goldens.ts";
import { openEngine } from "./engine.ts";
import { fullMethod, type Method } from "./method.ts";

/** Beyond every golden's window and original length. */
const LENGTH = 24;
const sequence = (length: number, token: (i: number) => number): TokenSequence => ({
  tokens: Int32Array.from({ length }, (_, i) => token(i) % 320),
  labelWeights: new Float32Array(length).fill(1),
  origin: { file: "test", row: 0 },
});
const batch = [sequence(LENGTH, (i) => i * 37 + 11)];
/** Two with a beginning in common, beyond the windows, and one beside them. */
const three = [
  sequence(20, (i) => i * 37 + 11),
  sequence(20, (i) => (i < 14 ? i * 37 : i * 53) + 11),
  sequence(9, (i) => i * 101 + 7),
];

/** Length of a step along each gradient: short enough that no token changes its experts, and more than rounding. */
const STEP = 0.001;

async function trainAll(name: string): Promise<{ method: Method; model: ReturnType<typeof readModel> }> {
  const directory = await openModelDirectory(goldenPath(`families/${name}`));
  const model = readModel(directory.config);
  const weights = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  const { parameters, buffers } = modelLayout(model);
  for (const [parameter, shape] of [...parameters].filter(([name]) => !buffers.has(name)))
    weights.set(parameter, { shape, data: await readTensor(directory.tensors.get(parameter)!) });
  return { model, method: fullMethod(weights, directory.tensors) };
}

describe.each(readdirSync(goldenPath("families")))("%s, all weights", (name) => {
  test("the loss moves by each gradient as far as the gradient says", async () => {
    const { model, method } = await trainAll(name);
    const options = { rowLength: 3 * LENGTH, session: { device: "cpu", threads: 1 } } as const;
    const engine = await openEngine(model, method, openSession, options);
    const { gradients } = await engine.gradients(batch);
    const slopes = gradients.map((gradient) => gradient.slice());
    for (const [p, trainable] of method.trainables.entries()) {
      const size = Math.hypot(...slopes[p]!);
      const start = trainable.data as Float32Array;
      const lossAt = async (step: number) => {
        trainable.data = start.map((value, i) => value + (step / size) * slopes[p]![i]!);
        return (await engine.evaluate(batch)).loss;
      };
      const moved = (await lossAt(STEP)) - (await lossAt(-STEP));
      trainable.data = start;
      expect(size, trainable.name).toBeGreaterThan(1e-4);
      const off = Math.abs(moved - 2 * STEP * size) / (2 * STEP * size + 1e-4);
      expect(off, `${trainable.name}, gradient ${size}`).toBeLessThan(0.02);
    }
    await engine.release();
  });

  test("packed, and with a beginning in common, sequences are what they are alone", async () => {
    const { model, method } = await trainAll(name);
    const options = { rowLength: 3 * LENGTH, session: { device: "cpu", threads: 1 } } as const;
    const engine = await openEngine(model, method, openSession, options);
    const { loss, gradients } = await engine.gradients(three);
    const together = gradients.map((gradient) => gradient.slice());
    const labels = three.map(({ tokens }) => tokens.length - 1);
    const sum = { loss: 0, gradients: together.map(({ length }) => new Float32Array(length)) };
    for (const [i, example] of three.entries()) {
      const share = labels[i]! / labels.reduce((a, b) => a + b);
      const alone = await engine.gradients([example]);
      sum.loss += share * alone.loss;
      for (const [p, into] of sum.gradients.entries())
        for (const j of into.keys()) into[j]! += share * alone.gradients[p]![j]!;
    }
    // The bounds are 1e-5; measured are 3.5e-8 and 3.2e-6.
    expect(Math.abs(loss / sum.loss - 1)).toBeLessThan(2e-7);
    for (const [p, expected] of sum.gradients.entries()) {
      const size = expected.reduce((largest, x) => Math.max(largest, Math.abs(x)), 0);
      expect(maxDifference(together[p]!, expected) / size, method.trainables[p]!.name).toBeLessThan(1e-5);
    }
    await engine.release();
  });
});
