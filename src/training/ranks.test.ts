import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TokenSequence } from "../data/tokenize/token_sequence.ts";
import { readLora } from "../files/testing/read_lora.ts";
import { type Base, openBase } from "../pretrained/base.ts";
import { openSession } from "../runtime/node.ts";
import { goldenPath, maxDifference } from "../testing/goldens.ts";
import { type Engine, openEngine } from "./engine.ts";
import { adapterMethod, fullMethod } from "./method.ts";
import { objectiveSettings, openObjective } from "./objectives/objectives.ts";
import type { Ranks } from "./ranks.ts";
import { goldenExamples } from "./testing/golden_examples.ts";

/** Ranks within one process: a sum is there when the last one has called. */
function ranksTogether(size: number): Ranks[] {
  type Arrays = Parameters<Ranks["sum"]>[0];
  let waiting: { rank: number; arrays: Arrays; done: () => void }[] = [];
  const add = () => {
    const all = waiting.sort((a, b) => a.rank - b.rank);
    waiting = [];
    const sums = all[0]!.arrays.map((first, k) => {
      const sum = first.slice();
      for (const { arrays } of all.slice(1)) for (const [i, value] of arrays[k]!.entries()) sum[i]! += value;
      return sum;
    });
    for (const { arrays, done } of all) {
      for (const [k, array] of arrays.entries()) array.set(sums[k]!);
      done();
    }
  };
  return Array.from({ length: size }, (_, rank) => ({
    rank,
    size,
    sum: (arrays) =>
      new Promise<void>((done) => {
        waiting.push({ rank, arrays, done });
        if (waiting.length === size) add();
      }),
  }));
}

const disliked = ({ labelWeights, ...rest }: TokenSequence) => ({
  ...rest,
  labelWeights: labelWeights.map((weight) => -weight),
});
const examples = goldenExamples("data/tokens-chat-96.json").slice(0, 6);
const CASES: [type: string, sizes: number[], batch: TokenSequence[]][] = [
  ["sft", [2, 7], examples],
  ["sft", [2, 3], examples.slice(0, 3)],
  ["dpo", [3], examples],
  ["kto", [2], examples.map((one, i) => (i % 2 ? disliked(one) : one))],
];

let base: Base;
beforeAll(async () => {
  base = await openBase(goldenPath("models/llama-gqa"));
});

describe.each(CASES)("%s, computed by", (type, sizes, batch) => {
  const opened: Engine[] = [];
  const open = async (ranks?: Ranks) => {
    const { tensors } = base.directory;
    const adapter = await readLora(goldenPath("training/llama-gqa-lora-all/initial"));
    const engine = await openEngine(base.model, adapterMethod(tensors, adapter), openSession, {
      rowLength: 128,
      objective: openObjective(objectiveSettings.parse({ type })),
      reference: fullMethod(new Map(), tensors),
      ranks,
      session: { device: "cpu", threads: 1 },
    });
    opened.push(engine);
    return engine;
  };
  afterAll(() => Promise.all(opened.map((engine) => engine.release())));

  test.each(sizes)("%i ranks: the loss and gradients of one", async (size) => {
    const step = async (engine: Engine) => {
      const reference = await engine.reference(batch);
      const { gradients, ...rest } = await engine.gradients(batch, { reference });
      return {
        ...rest,
        gradients: gradients.map((g) => g.slice()),
        held: await engine.evaluate(batch, { reference }),
      };
    };
    const alone = await step(await open());
    const together = await Promise.all((await Promise.all(ranksTogether(size).map(open))).map(step));
    for (const one of together) {
      expect(one).toEqual(together[0]); // to the bit
      expect(Math.abs(one.loss / alone.loss - 1)).toBeLessThan(1e-6); // measured: 2e-7
      expect(Math.abs(one.held.loss / alone.held.loss - 1)).toBeLessThan(1e-6);
      expect(one).toMatchObject({
        tokens: alone.tokens,
        supervisedTokens: alone.supervisedTokens,
        broken: [],
      });
      for (const [i, gradient] of one.gradients.entries())
        expect(maxDifference(gradient, alone.gradients[i]!)).toBeLessThan(
          1e-5 * Math.max(...alone.gradients[i]!.map(Math.abs), 1e-3),
        );
    }
  });
});
