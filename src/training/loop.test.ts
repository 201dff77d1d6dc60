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

describe("with losses scaled", () => {
  /** The gradients of steps, and the scale after each. */
  async function scaled(norms: readonly number[], start = 4) {
    let value = start;
    let skippedSteps = 0;
    const figures: unknown[] = [];
    const kept: unknown[] = [];
    const { options } = countingLoop({
      optimizer: {
        lossScale: { now: () => ({ value, goodSteps: 0, skippedSteps }), restore() {} },
        async step(_, { step }) {
          const norm = norms[step - 1]!;
          if (Number.isFinite(norm)) return norm;
          value /= 2;
          skippedSteps++;
          return norm;
        },
      },
      ports: { checkpoint: async ({ step, lossScale }) => `${kept.push([step, lossScale])}` },
    });
    await drive(options, (event) => {
      if (event.type === "step") figures.push([event.gradNorm, event.metrics]);
    });
    return { figures, kept };
  }

  test("a step whose gradient isn't finite is skipped and counted, and a checkpoint keeps the scale", async () => {
    const { figures, kept } = await scaled([1, Number.POSITIVE_INFINITY, 2, 3, 4, 5]);
    expect(figures.slice(0, 3)).toEqual([
      [1, { lossScale: 4, skippedSteps: 0 }],
      [0, { lossScale: 2, skippedSteps: 1 }],
      [2, { lossScale: 2, skippedSteps: 1 }],
    ]);
    expect(kept).toEqual([4, 6].map((step) => [step, { value: 2, goodSteps: 0, skippedSteps: 1 }]));
  });

  test("where no scale helps, the error says that float16 is too small", async () => {
    await expect(scaled(Array(6).fill(Number.NaN))).rejects.toThrow(
      /step 3: the gradient norm is NaN.*Leave compute out: float16 ends at 65504/,
    );
  });
});

describe("when the runtime fails in the middle of a run", () => {
  const lost = new AttuneError({ code: "runtime.device-lost", problem: "the device was lost" });

  /** A loop whose fourth step fails; `stored` are the steps that were kept. */
  async function failing(
    where: "engine" | "optimizer",
    canRead: boolean,
    saveEvery: number,
    error: Error = lost,
  ) {
    const stored: number[] = [];
    const { options } = countingLoop({}, { maxSteps: 6, saveEvery });
    let calls = 0;
    const fails = () => ++calls === 4;
    const { gradients } = options.engine;
    const broken: LoopOptions<number> = {
      ...options,
      engine: {
        ...options.engine,
        gradients: (batch, settings) =>
          where === "engine" && fails() ? Promise.reject(error) : gradients(batch, settings),
      },
      optimizer: {
        step: async (gradient) => {
          if (where === "optimizer" && fails()) throw error;
          return gradient;
        },
      },
      ports: {
        async checkpoint({ step }) {
          if (step === 3 && saveEvery !== 3 && !canRead) throw new Error("it can't be read");
          stored.push(step);
          return "";
        },
      },
    };
    const said: string[] = [];
    const failure = await drive(broken, ({ type, step }) => void said.push(`${type} ${step}`)).catch(
      (e) => e,
    );
    return { stored, said, failure };
  }

  test("the steps before are kept where they can be read, and the error says where the run goes on", async () => {
    const { stored, said, failure } = await failing("engine", true, 100);
    expect(stored).toEqual([3]);
    expect(said.at(-1)).toBe("checkpoint 3");
    expect(failure).toMatchObject({ code: "runtime.device-lost", place: "step 4" });
    expect(failure.message).toMatch(
      /The run is kept as of step 3, and goes on from there when it is started again/,
    );
  });

  test("where they are lost with the device, the last checkpoint is named, or that there is none", async () => {
    const { stored, failure } = await failing("engine", false, 2);
    expect(stored).toEqual([2]);
    expect(failure.message).toMatch(/kept as of step 2/);
    expect((await failing("engine", false, 100)).failure.message).toMatch(
      /Nothing was kept yet: training.saveEvery/,
    );
  });

  test("half an update isn't kept, nor a step twice; other errors are as ever", async () => {
    expect((await failing("optimizer", true, 2)).stored).toEqual([2]);
    expect((await failing("engine", true, 3)).stored).toEqual([3]);
    const other = new Error("a fault of ours");
    expect(await failing("engine", true, 100, other)).toMatchObject({ stored: [], failure: other });
  });
});
