import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makePacks, type Pack } from "../data/packing/pack.ts";
import { dropout } from "../graph/ops/dropout.ts";
import { input } from "../graph/sources.ts";
import { compile } from "../testing/evaluate.ts";
import { dropoutFeeds, loraDropout, noDropout } from "./dropout_words.ts";

const [P, WIDTH, LENGTH] = [0.3, 64, 200];
const MODULES = ["layers.0.q_proj", "layers.1.q_proj", "layers.0.v_proj"];

const sequenceOf = (tokens: number[], row: number) => ({
  tokens: Int32Array.from(tokens),
  labelWeights: new Float32Array(tokens.length),
  origin: { file: "ones", row },
});
/** Of one token again and again, but for the first. */
const sequences = [LENGTH, LENGTH, 37].map((length, row) =>
  sequenceOf(
    Array.from({ length }, (_, i) => (i === 0 ? row : 9)),
    row,
  ),
);
const [oneRow] = makePacks(sequences, 1000) as [Pack];

/** What each module keeps: a graph of the modules' dropout of ones, [T, WIDTH], under `seed`. */
async function masksOf(seed: number) {
  const x = input("x", ["T", WIDTH]);
  const source = loraDropout(P, seed);
  const outputs = MODULES.map((module) => [module, dropout(x, P, source(module, WIDTH)!.words)] as const);
  const { run, release } = await compile(Object.fromEntries(outputs));
  return {
    release,
    /** 0 or 1 by module, [T · WIDTH]. */
    async masks(row: Pack, step: number) {
      const T = row.tokens.length;
      const words = Object.entries(dropoutFeeds(row, seed, step)).map(([name, { shape, data }]) => {
        return [name, { shape, data: Array.from(data, Number) }] as const;
      });
      const ones = { shape: [T, WIDTH], data: Array<number>(T * WIDTH).fill(1) };
      const results = await run({ x: ones, ...Object.fromEntries(words) });
      return MODULES.map((module) => results[module]!.data.map((value) => (value === 0 ? 0 : 1)));
    },
  };
}

/** Of two independent masks, p² + (1 - p)² agree; the bound is 5 standard deviations. */
function expectIndependent(a: readonly number[], b: readonly number[]) {
  const expected = P ** 2 + (1 - P) ** 2;
  const agreeing = a.filter((value, i) => value === b[i]).length / a.length;
  expect(Math.abs(agreeing - expected)).toBeLessThan(5 * Math.sqrt((expected * (1 - expected)) / a.length));
}

const example = (mask: readonly number[], i: number) =>
  mask.slice(i * LENGTH * WIDTH, (i + 1) * LENGTH * WIDTH);

describe("dropout's words", () => {
  let seven: Awaited<ReturnType<typeof masksOf>>;
  let eight: Awaited<ReturnType<typeof masksOf>>;
  beforeAll(async () => {
    [seven, eight] = [await masksOf(7), await masksOf(8)];
  });
  afterAll(async () => {
    await seven.release();
    await eight.release();
  });

  test("drop their share", async () => {
    for (const mask of await seven.masks(oneRow, 1)) {
      const dropped = mask.filter((value) => value === 0).length;
      const deviation = Math.sqrt(mask.length * P * (1 - P));
      expect(Math.abs(dropped - mask.length * P)).toBeLessThan(5 * deviation);
    }
  });

  test("are others for another step, seed, module, example and position", async () => {
    const [q0, q1, v0] = (await seven.masks(oneRow, 1)) as [number[], number[], number[]];
    expectIndependent(q0, (await seven.masks(oneRow, 2))[0]!);
    expectIndependent(q0, (await eight.masks(oneRow, 1))[0]!);
    expectIndependent(q0, q1);
    expectIndependent(q0, v0);
    expectIndependent(example(q0, 0), example(q0, 1));
    expectIndependent(q0.slice(0, -WIDTH), q0.slice(WIDTH));
  });

  test("are the same along a shared prefix, and others where examples part", async () => {
    const [prefix, a, b] = [0, 1000, 2000].map((from) => Array.from({ length: LENGTH }, (_, i) => from + i));
    const examples = [sequenceOf([...prefix!, ...a!], 0), sequenceOf([...prefix!, ...b!], 1)];
    const [tree] = makePacks(examples, 1000) as [Pack];
    expect(tree.tokens.length).toBe(3 * LENGTH);
    const shared = (await seven.masks(tree, 1))[0]!;
    const alone = await Promise.all(
      makePacks(examples, 1000, { share: false }).map(async (row) => (await seven.masks(row, 1))[0]!),
    );
    const [first, second] = [0, 1].map((i) =>
      alone[0]!.slice(2 * i * LENGTH * WIDTH, 2 * (i + 1) * LENGTH * WIDTH),
    );
    expect(first).toEqual(shared.slice(0, 2 * LENGTH * WIDTH));
    expect(second).toEqual([...example(shared, 0), ...example(shared, 2)]);
    expectIndependent(example(shared, 1), example(shared, 2));
  });

  test("don't change with the packing", async () => {
    const packed = (await seven.masks(oneRow, 1))[0]!;
    const rows = makePacks([...sequences], 210);
    expect(rows.length).toBe(3);
    for (const row of rows) {
      const alone = (await seven.masks(row, 1))[0]!;
      const start = row.tokens[0]! * LENGTH * WIDTH;
      expect(alone).toEqual(packed.slice(start, start + alone.length));
    }
  });
});

test("without dropout there are none", () => {
  expect(loraDropout(0, 7)).toBe(noDropout);
});
