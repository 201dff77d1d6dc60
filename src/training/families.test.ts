import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { TokenSequence } from "../data/tokenize/token_sequence.ts";
import { readTensor } from "../files/safetensors.ts";
import { readModel } from "../models/families.ts";
import { modelLayout } from "../models/layout.ts";
import { openModelDirectory } from "../pretrained/model_directory.ts";
import { openSession } from "../runtime/node.ts";
import { goldenPath } from "../testing/goldens.ts";
import { openEngine } from "./engine.ts";
import { fullMethod, type Method } from "./method.ts";

/** Beyond every golden's window and original length. */
const LENGTH = 24;
const batch: TokenSequence[] = [
  {
    tokens: Int32Array.from({ length: LENGTH }, (_, i) => (i * 37 + 11) % 320),
    labelWeights: new Float32Array(LENGTH).fill(1),
    origin: { file: "test", row: 0 },
  },
];

/** Length of a step along each gradient: short enough that no token changes its experts, and more than rounding. */
const STEP = 0.001;

async function trainAll(name: string): Promise<{ method: Method; model: ReturnType<typeof readModel> }> {
  const directory = await openModelDirectory(goldenPath(`families/${name}`));
  const model = readModel(directory.config);
  const weights = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [parameter, shape] of modelLayout(model).parameters)
    weights.set(parameter, { shape, data: await readTensor(directory.tensors.get(parameter)!) });
  return { model, method: fullMethod(weights) };
}

describe.each(readdirSync(goldenPath("families")))("%s, all weights", (name) => {
  test("the loss moves by each gradient as far as the gradient says", async () => {
    const { model, method } = await trainAll(name);
    const options = { rowLength: LENGTH, session: { device: "cpu", threads: 1 } } as const;
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
});
