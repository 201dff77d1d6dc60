import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { randomForest } from "../data/packing/testing/random_forest.ts";
import type { TokenSequence } from "../data/tokenize/token_sequence.ts";
import { readLora } from "../files/testing/read_lora.ts";
import { readModel } from "../models/families.ts";
import { initializeWeights } from "../models/initialize.ts";
import { type Base, openBase } from "../pretrained/base.ts";
import { openSession } from "../runtime/node.ts";
import { goldenPath, maxDifference } from "../testing/goldens.ts";
import { dropoutFeeds, loraDropout } from "./dropout_words.ts";
import { type Engine, openEngine, type RowFeeds } from "./engine.ts";
import { adapterMethod, fullMethod, type Method } from "./method.ts";
import { type Neftune, neftuneFeeds } from "./neftune.ts";

const [SEED, STEP, FORESTS] = [7, 3, 12];
const session = { device: "cpu", threads: 1 } as const;

interface Case {
  model: string;
  /** What its config.json says otherwise. */
  config?: Record<string, unknown>;
  method: (base: Base) => Promise<Method> | Method;
  extra?: RowFeeds;
  neftune?: Neftune;
  /** Whether this case's examples may share a prefix. */
  shares: boolean;
}

async function lora(path: string, { directory }: Base, dropout = 0): Promise<Method> {
  const adapter = await readLora(goldenPath(path)); // A and B random
  const config = { ...adapter.config, dropout };
  return adapterMethod(directory.tensors, { ...adapter, config }, loraDropout(dropout, SEED));
}

const CASES: Record<string, Case> = {
  "LoRA with dropout": {
    model: "llama-gqa",
    method: (base) => lora("training/llama-gqa-lora-all/initial", base, 0.3),
    extra: (row) => dropoutFeeds(row, SEED, STEP),
    shares: true,
  },
  "LoRA under a sliding window": {
    model: "mistral-window",
    method: (base) => lora("training/mistral-window-lora-qv/initial", base),
    shares: true,
  },
  "all weights, tied": {
    model: "qwen2-tied",
    method: ({ model }) => fullMethod(initializeWeights(model, SEED)),
    shares: true,
  },
  "noise at the embeddings": {
    model: "llama-gqa",
    method: ({ model }) => fullMethod(initializeWeights(model, SEED)),
    extra: (row) => neftuneFeeds(row, SEED, STEP),
    neftune: { alpha: 5, seed: SEED },
    shares: false,
  },
  "rotary angles that depend on the sequence's length": {
    model: "llama-gqa",
    config: {
      max_position_embeddings: 16,
      rope_parameters: { rope_type: "dynamic", rope_theta: 10000, factor: 4 },
    },
    method: ({ model }) => fullMethod(initializeWeights(model, SEED)),
    shares: false,
  },
};

const labelWeight = ({ labelWeights }: TokenSequence) => labelWeights.slice(1).reduce((n, w) => n + w, 0);
const tokensOf = (batch: readonly TokenSequence[]) => batch.reduce((n, { tokens }) => n + tokens.length, 0);

/** Largest error of a gradient, relative to its largest entry. */
const gradientError = (actual: readonly Float32Array[], expected: readonly Float32Array[]) =>
  Math.max(
    ...expected.map((g, i) => maxDifference(actual[i]!, g) / g.reduce((n, x) => Math.max(n, Math.abs(x)), 0)),
  );

describe.each(Object.entries(CASES))(
  "%s",
  (_, { model: name, config, method: methodOf, extra, neftune, shares }) => {
    let [small, large]: (Engine | undefined)[] = [];
    let method: Method;

    beforeAll(async () => {
      const base = await openBase(goldenPath(`models/${name}`));
      const model = readModel({ ...base.directory.config, ...config });
      method = await methodOf(base);
      const open = (rowLength: number) =>
        openEngine(model, method, openSession, { rowLength, neftune, session });
      [small, large] = [await open(40), await open(4096)];
    });
    afterAll(async () => {
      await small?.release();
      await large?.release();
    });

    /** What the batch's loss and gradients are by definition: of each example alone, weighted. */
    async function oneByOne(batch: readonly TokenSequence[]) {
      const total = batch.reduce((n, example) => n + labelWeight(example), 0);
      const sum = { loss: 0, gradients: method.trainables.map(({ data }) => new Float32Array(data.length)) };
      for (const example of batch) {
        const share = labelWeight(example) / total;
        if (share === 0) continue;
        const { loss, gradients } = await large!.gradients([example], { extra });
        sum.loss += share * loss;
        gradients.forEach((g, p) => {
          const into = sum.gradients[p]!;
          for (let j = 0; j < g.length; j++) into[j]! += share * g[j]!;
        });
      }
      return sum;
    }

    test("random trees: as if each example were computed alone, whole and cut", async () => {
      const worst = { loss: 0, gradient: 0 };
      for (let forest = 0; forest < FORESTS; forest++) {
        const batch = randomForest(forest, { sequences: 9 });
        const expected = await oneByOne(batch);
        for (const engine of [small!, large!]) {
          const { loss, gradients, tokens, computedTokens } = await engine.gradients(batch, { extra });
          worst.loss = Math.max(worst.loss, Math.abs(loss / expected.loss - 1));
          worst.gradient = Math.max(worst.gradient, gradientError(gradients, expected.gradients));
          expect(tokens).toBe(tokensOf(batch));
          if (shares) expect(computedTokens).toBeLessThan(tokens);
          else expect(computedTokens).toBe(tokens);
        }
      }
      // The bounds are 1e-5; measured are 2.0e-7 and 1.9e-6.
      expect(worst.loss).toBeLessThan(1e-6);
      expect(worst.gradient).toBeLessThan(5e-6);
    });
  },
);
