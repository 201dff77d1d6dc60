import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TokenSequence } from "../data/tokenize/token_sequence.ts";
import { readLora } from "../files/testing/read_lora.ts";
import { initializeWeights } from "../models/initialize.ts";
import { type Base, openBase } from "../pretrained/base.ts";
import { openSession } from "../runtime/node.ts";
import type { OpenSession, Session } from "../runtime/session.ts";
import { goldenPath, maxDifference } from "../testing/goldens.ts";
import { dropoutFeeds, loraDropout } from "./dropout_words.ts";
import { type Engine, openEngine, type RowFeeds } from "./engine.ts";
import { adapterMethod, fullMethod, type Method } from "./method.ts";

const SEED = 7;
const ROW_LENGTHS = [32, 100, 200, 4096];

/** Of 39 to 96 tokens; weights other than 1 show whether all rows are divided by one sum. */
const batch: TokenSequence[] = JSON.parse(readFileSync(goldenPath("data/tokens-chat-96.json"), "utf8"))
  .examples.slice(8, 20)
  .map(
    (
      { row, input_ids, label_mask }: { row: number; input_ids: number[]; label_mask: number[] },
      i: number,
    ) => ({
      tokens: Int32Array.from(input_ids),
      labelWeights: Float32Array.from(label_mask, (m) => m * (1 + (i % 3))),
      origin: { file: "golden", row },
    }),
  );

async function lora(path: string, { directory }: Base, dropout: number): Promise<Method> {
  const adapter = await readLora(goldenPath(path)); // A and B random
  const config = { ...adapter.config, dropout };
  return adapterMethod(directory.tensors, { ...adapter, config }, loraDropout(dropout, SEED));
}

const CASES: Record<string, { model: string; method: (base: Base) => Promise<Method> | Method }> = {
  "LoRA with dropout": {
    model: "llama-gqa",
    method: (base) => lora("training/llama-gqa-lora-all/initial", base, 0.3),
  },
  "LoRA under a sliding window": {
    model: "mistral-window",
    method: (base) => lora("training/mistral-window-lora-qv/initial", base, 0),
  },
  "all weights, tied": {
    model: "qwen2-tied",
    method: ({ model }) => fullMethod(initializeWeights(model, SEED)),
  },
};

/** Opens a session for each graph once, whichever engine asks. */
function sharedSessions() {
  const byModel = new Map<string, Promise<Session>>();
  const open: OpenSession = async (model, options) => {
    const key = [...model.outputs.keys()].join();
    if (!byModel.has(key)) byModel.set(key, openSession(model, options));
    return { ...(await byModel.get(key)!), release: async () => {} };
  };
  return {
    open,
    release: async () => {
      for (const session of await Promise.all(byModel.values())) await session.release();
    },
  };
}

/** Largest error of a gradient, relative to its largest entry. */
const gradientError = (actual: readonly Float32Array[], expected: readonly Float32Array[]) =>
  Math.max(
    ...expected.map((g, i) => maxDifference(actual[i]!, g) / g.reduce((n, x) => Math.max(n, Math.abs(x)), 0)),
  );

const labelWeight = ({ labelWeights }: TokenSequence) => labelWeights.reduce((n, w) => n + w, 0);

describe.each(Object.keys(CASES))("%s: loss and gradients don't depend on how a batch is split", (name) => {
  const sessions = sharedSessions();
  let method: Method;
  let base: Base;
  const engineOf = (rowLength: number): Promise<Engine> =>
    openEngine(base.model, method, sessions.open, { rowLength, session: { device: "cpu", threads: 1 } });
  const extra: RowFeeds | undefined = name.includes("dropout")
    ? (row) => dropoutFeeds(row, SEED, 3)
    : undefined;

  beforeAll(async () => {
    base = await openBase(goldenPath(`models/${CASES[name]!.model}`));
    method = await CASES[name]!.method(base);
  });
  afterAll(sessions.release);

  test("each example alone", async () => {
    const engine = await engineOf(4096);
    const total = batch.reduce((n, example) => n + labelWeight(example), 0);
    const sum = { loss: 0, gradients: method.trainables.map(({ data }) => new Float32Array(data.length)) };
    for (const example of batch) {
      const share = labelWeight(example) / total;
      const { loss, gradients } = await engine.gradients([example], { extra });
      sum.loss += share * loss;
      gradients.forEach((g, p) => {
        const into = sum.gradients[p]!;
        for (let j = 0; j < g.length; j++) into[j]! += share * g[j]!;
      });
    }
    for (const rowLength of ROW_LENGTHS) {
      const engine = await engineOf(rowLength);
      await engine.gradients(batch.slice(0, 5), { extra }); // of which nothing must be left
      const { loss, gradients, tokens, supervisedTokens } = await engine.gradients(batch, { extra });
      // The bounds are 1e-5; measured are 1.2e-7 and 1.4e-6.
      expect(Math.abs(loss / sum.loss - 1), `loss in rows of ${rowLength}`).toBeLessThan(1e-6);
      expect(gradientError(gradients, sum.gradients), `gradients in rows of ${rowLength}`).toBeLessThan(5e-6);
      expect(tokens).toBe(batch.reduce((n, example) => n + example.tokens.length, 0));
      expect(supervisedTokens).toBe(
        batch.reduce((n, e) => n + e.labelWeights.filter((w) => w > 0).length, 0),
      );
    }
  });

  test("evaluation too, and it has no dropout", async () => {
    const losses: number[] = [];
    for (const rowLength of ROW_LENGTHS)
      losses.push((await (await engineOf(rowLength)).evaluate(batch)).loss);
    for (const loss of losses) expect(Math.abs(loss / losses[0]! - 1)).toBeLessThan(1e-6);
    const { loss } = await (await engineOf(128)).gradients(batch, { extra });
    if (extra) expect(Math.abs(loss / losses[0]! - 1)).toBeGreaterThan(1e-3);
    else expect(Math.abs(loss / losses[0]! - 1)).toBeLessThan(1e-6);
  });

  test("a row without labels adds nothing, and a label without a past is none", async () => {
    const engine = await engineOf(32);
    const [first] = batch as [TokenSequence];
    const { loss, gradients } = await engine.gradients([first], { extra });
    const expected = gradients.map((g) => g.slice());
    const silent = { ...batch[1]!, labelWeights: new Float32Array(batch[1]!.labelWeights.length) };
    const more = await engine.gradients([first, silent], { extra });
    expect(more.loss).toBe(loss);
    expect(more.gradients).toEqual(expected);
    const early = { ...first, labelWeights: first.labelWeights.with(0, 1) };
    expect((await engine.gradients([early], { extra })).loss).toBe(loss);
  });
});
