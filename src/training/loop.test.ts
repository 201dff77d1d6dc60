import { describe, expect, test } from "vitest";
import { batchOrder } from "../data/batches/batches.ts";
import { mixtureOrder } from "../data/batches/mixture.ts";
import { sequencesInMemory } from "../data/batches/testing/sequences_in_memory.ts";
import type { TokenSequence } from "../data/tokenize/token_sequence.ts";
import { AttuneError } from "../text/errors.ts";
import { type LoopEvent, type LoopOptions, type LoopPorts, START, trainingLoop } from "./loop.ts";
import { parseRecipe, type RecipeInput, type SettledRecipe } from "./recipe.ts";

const sequence = (row: number): TokenSequence => ({
  tokens: Int32Array.of(row, row + 1),
  labelWeights: Float32Array.of(0, 1),
  origin: { file: "rows", row },
});
const store = (length: number) => sequencesInMemory(Array.from({ length }, (_, i) => sequence(i + 1)));

const recipeOf = (changes: Partial<RecipeInput>) =>
  parseRecipe({
    model: "m",
    data: [{ path: "d" }],
    output: "o",
    shuffle: false,
    ...changes,
  }) as SettledRecipe;

/** A loop over an engine that only counts: a weight is taken down by one a step, a held-out loss is read off a list. */
function countingLoop(changes: Partial<LoopOptions<number>> = {}, training: RecipeInput["training"] = {}) {
  const recipe = recipeOf({
    training: { maxSteps: 6, batchSize: 2, learningRate: 1, saveEvery: 4, ...training },
  });
  const datasets = [{ size: 8, weight: 1 }];
  const seen: number[][] = [];
  const losses = { tokens: 2, computedTokens: 2, supervisedTokens: 1, broken: [], metrics: {} };
  const options: LoopOptions<number> = {
    recipe,
    data: { train: store(8), evaluation: store(0), branches: 1 },
    order: batchOrder(mixtureOrder({ datasets, shuffle: false, seed: 1 }), 2),
    engine: {
      async gradients(batch) {
        seen.push(batch.map(({ origin }) => origin.row));
        return { ...losses, loss: 2, gradients: 3 };
      },
      evaluate: async () => ({ ...losses, loss: 1 }),
    },
    optimizer: { step: async (gradient) => gradient },
    ...changes,
  };
  return { options, seen };
}

async function drive(options: LoopOptions<number>, see: (event: LoopEvent) => void = () => {}) {
  const said: string[] = [];
  const loop = trainingLoop(options);
  for (;;) {
    const { done, value } = await loop.next();
    if (done) return { said, end: value };
    said.push(`${value.type} ${value.step}`);
    see(value);
  }
}

describe("the training loop", () => {
  test("needs no port: it trains in the order it is given", async () => {
    const { options, seen } = countingLoop();
    const { said, end } = await drive(options);
    expect(said).toEqual([1, 2, 3, 4, 5, 6].map((step) => `step ${step}`));
    expect(seen).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
      [7, 8],
      [1, 2],
      [3, 4],
    ]);
    expect(end).toEqual({ reason: "completed", step: 6 });
  });

  test("hands metrics, checkpoints and the best weights to its ports", async () => {
    const kept: unknown[] = [];
    const heldOut = [5, 4, 3, 6];
    const ports: LoopPorts = {
      metrics: async ({ step, loss, evalLoss, eval_f1 }) => void kept.push({ step, loss, evalLoss, eval_f1 }),
      checkpoint: async (progress) => {
        kept.push(progress);
        return `kept/${progress.step}`;
      },
      best: async (step) => void kept.push(`best ${step}`),
      evaluation: async (step) => ({ f1: step / 10 }),
    };
    const { options } = countingLoop({ ports }, { maxSteps: 3, saveEvery: 2 });
    options.recipe.evaluation = { fraction: 0.5, every: 1 };
    options.data.evaluation = store(1);
    const evaluate = options.engine.evaluate;
    options.engine.evaluate = async (batch) => ({ ...(await evaluate(batch)), loss: heldOut.shift()! });
    const { said, end } = await drive(options);
    expect(said).toEqual(
      "evaluation 0,step 1,evaluation 1,step 2,evaluation 2,checkpoint 2,step 3,evaluation 3,checkpoint 3".split(
        ",",
      ),
    );
    expect(kept).toEqual([
      { step: 0, evalLoss: 5, eval_f1: 0 },
      { step: 1, loss: 2 },
      "best 1",
      { step: 1, evalLoss: 4, eval_f1: 0.1 },
      { step: 2, loss: 2 },
      "best 2",
      { step: 2, evalLoss: 3, eval_f1: 0.2 },
      { step: 2, bestEvalLoss: 3, bestStep: 2, evaluationsWithoutGain: 0 },
      { step: 3, loss: 2 },
      { step: 3, evalLoss: 6, eval_f1: 0.3 },
      { step: 3, bestEvalLoss: 3, bestStep: 2, evaluationsWithoutGain: 1 },
    ]);
    expect(end).toEqual({ reason: "completed", step: 3, best: { step: 2, evalLoss: 3 } });
  });

  test("goes on from where it was, and takes no step when it was over", async () => {
    const { options, seen } = countingLoop({ from: { ...START, step: 4 } });
    expect((await drive(options)).said).toEqual(["step 5", "step 6"]);
    expect(seen).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(await drive({ ...options, from: { ...START, step: 6 } })).toEqual({
      said: [],
      end: { reason: "completed", step: 6 },
    });
  });

  test("stops after the step under way, with a checkpoint", async () => {
    const stop = new AbortController();
    const ports: LoopPorts = { checkpoint: async () => "memory" };
    const { options } = countingLoop({ ports, signal: stop.signal });
    const { said, end } = await drive(options, ({ step }) => step === 2 && stop.abort());
    expect(said).toEqual(["step 1", "step 2", "checkpoint 2"]);
    expect(end).toEqual({ reason: "stopped", step: 2 });
  });

  test("a loss that is no number: names the examples, or the weight that a port found", async () => {
    const { options } = countingLoop();
    const [gradients, evaluate] = [options.engine.gradients, options.engine.evaluate];
    options.engine.gradients = async (batch, of) => ({
      ...(await gradients(batch, of)),
      loss: NaN,
      broken: [0, 1],
    });
    options.engine.evaluate = async (batch) => ({
      ...(await evaluate(batch)),
      loss: batch[0]!.origin.row === 2 ? NaN : 1,
    });
    await expect(drive(options)).rejects.toThrow(/step 1.*the loss is NaN, at rows row 2\./s);
    const spoiled = new AttuneError({ code: "test.spoiled", problem: "a weight is NaN" });
    const ports: LoopPorts = { spoiledWeight: async () => spoiled };
    await expect(drive({ ...options, ports })).rejects.toBe(spoiled);
  });
});
