import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makePacks, type Pack } from "../data/packing/pack.ts";
import { input } from "../graph/sources.ts";
import { initializeWeights } from "../models/initialize.ts";
import { openBase } from "../pretrained/base.ts";
import { openSession } from "../runtime/node.ts";
import { compile } from "../testing/evaluate.ts";
import { goldenPath } from "../testing/goldens.ts";
import { openEngine } from "./engine.ts";
import { fullMethod } from "./method.ts";
import { neftuneFeeds, neftuneNoise } from "./neftune.ts";

const [ALPHA, D, LONG, SHORT] = [5, 64, 200, 50];

const sequenceOf = (length: number, last: number) => ({
  tokens: Int32Array.from({ length }, (_, i) => (i < length - 1 ? 3 : last)),
  labelWeights: new Float32Array(length).fill(1),
  origin: { file: "none", row: 1 },
});
/** Of one token again and again, but for the last. */
const sequences = [sequenceOf(LONG, 1), sequenceOf(LONG, 2), sequenceOf(SHORT, 3)];
const pack = (capacity: number) => makePacks(sequences, capacity, { share: false });

/** The noise [T, D] of a graph with `seed`, divided by alpha / √D: uniform in ± 1 / √L. */
async function noiseOf(seed: number) {
  const { run, release } = await compile({
    y: neftuneNoise({ alpha: ALPHA, seed })(input("x", ["T", D])),
  });
  return {
    release,
    async noise(row: Pack, step: number) {
      const T = row.tokens.length;
      const feeds = Object.entries(neftuneFeeds(row, seed, step)).map(
        ([name, { shape, data }]) => [name, { shape, data: Array.from(data, Number) }] as const,
      );
      const x = { shape: [T, D], data: Array<number>(T * D).fill(0) };
      const { y } = await run({ x, ...Object.fromEntries(feeds) });
      return y!.data.map((value) => (value * Math.sqrt(D)) / ALPHA);
    },
  };
}

/** Of independent draws, the correlation is 0 ± 1 / √n; the bound is 5 standard deviations. */
function expectIndependent(a: readonly number[], b: readonly number[]) {
  const product = a.reduce((n, value, i) => n + value * b[i]!, 0);
  const norm = Math.sqrt(a.reduce((n, v) => n + v * v, 0) * b.reduce((n, v) => n + v * v, 0));
  expect(Math.abs(product / norm)).toBeLessThan(5 / Math.sqrt(a.length));
}

describe("NEFTune's noise", () => {
  let seven: Awaited<ReturnType<typeof noiseOf>>;
  let eight: Awaited<ReturnType<typeof noiseOf>>;
  let [first, second, short]: number[][] = [];
  const [oneRow] = pack(1000) as [Pack];
  beforeAll(async () => {
    [seven, eight] = [await noiseOf(7), await noiseOf(8)];
    const all = await seven.noise(oneRow, 1);
    first = all.slice(0, LONG * D);
    second = all.slice(LONG * D, 2 * LONG * D);
    short = all.slice(2 * LONG * D);
  });
  afterAll(async () => {
    await seven.release();
    await eight.release();
  });

  test("is uniform, and smaller the longer the sequence", () => {
    for (const [noise, length] of [
      [first!, LONG],
      [second!, LONG],
      [short!, SHORT],
    ] as const) {
      expect(noise.length).toBe(length * D);
      const unit = noise.map((value) => value * Math.sqrt(length));
      const deviation = (power: number) => {
        const mean = unit.reduce((n, v) => n + v ** power, 0) / unit.length;
        const expected = power % 2 === 1 ? 0 : 1 / (power + 1);
        return Math.abs(mean - expected) / Math.sqrt((1 / (2 * power + 1) - expected ** 2) / unit.length);
      };
      expect(Math.max(...unit.map(Math.abs))).toBeLessThanOrEqual(1 + 1e-6);
      expect(Math.max(...unit.map(Math.abs))).toBeGreaterThan(0.99);
      for (const power of [1, 2, 3, 4]) expect(deviation(power)).toBeLessThan(5);
    }
  });

  test("is another for another step, seed, sequence, position and column", async () => {
    expectIndependent(first!, second!);
    expectIndependent(first!, (await seven.noise(oneRow, 2)).slice(0, LONG * D));
    expectIndependent(first!, (await eight.noise(oneRow, 1)).slice(0, LONG * D));
    expectIndependent(first!.slice(D), first!.slice(0, -D));
    expectIndependent(first!.slice(1), first!.slice(0, -1));
  });

  test("doesn't change with the packing", async () => {
    const rows = pack(LONG);
    expect(rows.length).toBe(3);
    const alone = await Promise.all(rows.map((row) => seven.noise(row, 1)));
    expect(alone).toEqual([first, second, short]);
  });
});

test("training has the noise, evaluation has none", async () => {
  const { model } = await openBase(goldenPath("models/llama-gqa"));
  const method = fullMethod(initializeWeights(model, 1));
  const options = { rowLength: 512, session: { device: "cpu", threads: 1 } } as const;
  const silent = await openEngine(model, method, openSession, options);
  const noisy = await openEngine(model, method, openSession, {
    ...options,
    neftune: { alpha: ALPHA, seed: 7 },
  });
  const { loss } = await silent.gradients(sequences);
  const losses = [1, 2].map(async (step) => {
    const { loss } = await noisy.gradients(sequences, { extra: (row) => neftuneFeeds(row, 7, step) });
    return loss;
  });
  const [one, two] = await Promise.all(losses);
  const evaluated = await noisy.evaluate(sequences);
  await silent.release();
  await noisy.release();
  for (const other of [one!, two!]) expect(Math.abs(other / loss - 1)).toBeGreaterThan(1e-5);
  expect(one).not.toBe(two);
  expect(Math.abs(evaluated.loss / loss - 1)).toBeLessThan(1e-6);
});
