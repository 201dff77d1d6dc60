import { describe, expect, test } from "vitest";
import { permutation, randomUint32, randomUniform } from "../../random/random.ts";
import { AttuneError } from "../../text/errors.ts";
import { countWithin, examplesPerEpoch, type MixtureDataset, mixtureOrder } from "./mixture.ts";
import { mixture } from "./mixture_schema.ts";

const settings = { shuffle: true, seed: 42 };
const sorted = (list: ArrayLike<number>) => Array.from(list).toSorted((a, b) => a - b);
const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const sum = (list: number[]) => list.reduce((a, b) => a + b, 0);

/** How often each example is among `list`. */
function countEach(list: Iterable<number>, examples: number): number[] {
  const counts = new Array<number>(examples).fill(0);
  for (const i of list) counts[i]!++;
  return counts;
}

/** Random datasets, some with weights and caps. */
function randomDatasets(seed: number): MixtureDataset[] {
  const uniform = (i: number) => randomUniform(seed, "test", 0, i);
  return range(1 + (randomUint32(seed, "test", 1, 0) % 4)).map((d) => ({
    size: 1 + Math.floor(60 * uniform(4 * d)),
    ...(uniform(4 * d + 1) < 0.6 && { weight: 0.05 + 3 * uniform(4 * d + 2) }),
    ...(uniform(4 * d + 3) < 0.4 && { maxExamples: 1 + (d % 2) * 20 }),
  }));
}

describe("mixtureOrder", () => {
  test("with no weights, each example once: the shuffle of all, whatever the datasets' number", () => {
    for (const datasets of [[{ size: 10 }], [{ size: 4 }, { size: 0 }, { size: 6 }]]) {
      const order = mixtureOrder({ ...settings, datasets });
      expect(order.examples).toBe(10);
      for (const epoch of [0, 1, 7]) expect(order.at(epoch)).toEqual(permutation(10, 42, "shuffle", epoch));
    }
    const many = range(40).map((i) => ({ size: 1 + ((i * i * 7919) % 100_003) }));
    expect(examplesPerEpoch(many)).toEqual(many.map(({ size }) => size));
  });

  test("without shuffle: the files' order, dataset by dataset, a whole pass after the other", () => {
    const datasets = [{ size: 3, weight: 2 }, { size: 2 }, { size: 2, weight: 1.5 }];
    const order = mixtureOrder({ datasets, shuffle: false, seed: 42 });
    const [first, second] = [order.at(0), order.at(1)];
    expect([...first].slice(0, 10)).toEqual([0, 1, 2, 0, 1, 2, 3, 4, 5, 6]);
    expect([...second].slice(0, 10)).toEqual([...first].slice(0, 10));
    expect(sorted([first[10]!, second[10]!])).toEqual([5, 6]);
  });

  test("any epoch can be asked for, in any order", () => {
    const datasets = [
      { size: 30, weight: 0.7 },
      { size: 9, weight: 2.4 },
    ];
    const [forward, backward] = [settings, settings].map((s) => mixtureOrder({ ...s, datasets }));
    const epochs = range(6);
    const orders = epochs.map(forward!.at);
    expect(epochs.toReversed().map(backward!.at)).toEqual(orders.toReversed());
    expect(mixtureOrder({ ...settings, datasets, seed: 43 }).at(0)).not.toEqual(orders[0]);
  });

  test.each(range(60))("coverage is even, mixture %i", (seed) => {
    const datasets = randomDatasets(seed);
    const temperature = seed % 3 === 0 ? undefined : 1 + (seed % 5);
    const order = mixtureOrder({
      datasets,
      shuffle: seed % 2 === 0,
      seed,
      ...(temperature && { temperature }),
    });
    const perEpoch = examplesPerEpoch(datasets, temperature);
    const starts = datasets.map((_, d) => sum(datasets.slice(0, d).map(({ size }) => size)));
    const total = sum(datasets.map(({ size }) => size));
    const overall = new Array<number>(total).fill(0);
    for (const epoch of range(9)) {
      const list = order.at(epoch);
      expect(list).toHaveLength(order.examples);
      const counts = countEach(list, total);
      counts.forEach((n, i) => {
        overall[i]! += n;
      });
      datasets.forEach(({ size }, d) => {
        const own = counts.slice(starts[d], starts[d]! + size);
        expect(sum(own)).toBe(perEpoch[d]);
        expect(Math.max(...own)).toBeLessThanOrEqual(Math.ceil(perEpoch[d]! / size));
        expect(Math.min(...own)).toBeGreaterThanOrEqual(Math.floor(perEpoch[d]! / size));
        const soFar = overall.slice(starts[d], starts[d]! + size);
        expect(Math.max(...soFar) - Math.min(...soFar)).toBeLessThanOrEqual(1);
      });
    }
  });
});

describe("examplesPerEpoch", () => {
  test("weights and caps", () => {
    expect(
      examplesPerEpoch([
        { size: 100, weight: 0.25 },
        { size: 10, weight: 3 },
      ]),
    ).toEqual([25, 30]);
    expect(
      examplesPerEpoch([
        { size: 100, maxExamples: 20 },
        { size: 10, maxExamples: 20 },
      ]),
    ).toEqual([20, 10]);
    expect(examplesPerEpoch([{ size: 100, maxExamples: 20, weight: 2 }])).toEqual([40]);
  });

  test("rates are min(size, K)^(1/T), as in T5; the total stays", () => {
    const sizes = [10_000, 100, 1_000_000];
    const datasets = sizes.map((size) => ({ size, maxExamples: 40_000 }));
    const counts = examplesPerEpoch(datasets, 2);
    expect(sum(counts)).toBe(10_000 + 100 + 40_000);
    const roots = sizes.map((size) => Math.sqrt(Math.min(size, 40_000)));
    counts.forEach((count, i) => {
      expect(Math.abs(count - (50_100 * roots[i]!) / sum(roots))).toBeLessThan(1);
    });
    expect(examplesPerEpoch(datasets, 1)).toEqual([10_000, 100, 40_000]);
  });

  test("a high temperature makes datasets equal, a low one leaves little beside the largest, but something", () => {
    const datasets = [{ size: 7 }, { size: 900 }, { size: 93 }];
    expect(sorted(examplesPerEpoch(datasets, 1e9))).toEqual([333, 333, 334]);
    expect(examplesPerEpoch(datasets, 1e-3)).toEqual([1, 998, 1]);
    expect(examplesPerEpoch([{ size: 5, weight: 0.001 }, { size: 5 }])).toEqual([1, 4]);
    expect(examplesPerEpoch([{ size: 5, weight: 1e-9 }])).toEqual([1]);
  });

  test("what makes no sense is an error that names its key", () => {
    const size = 5;
    for (const bad of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => examplesPerEpoch([{ size }, { size, weight: bad }])).toThrow(/data\.1\.weight/);
      expect(() => examplesPerEpoch([{ size, maxExamples: bad }])).toThrow(/data\.0\.maxExamples/);
      expect(() => examplesPerEpoch([{ size }], bad)).toThrow(/mixture\.temperature/);
    }
    expect(() => mixtureOrder({ ...settings, datasets: [{ size: 1e6, weight: 1e4 }] })).toThrow(AttuneError);
    expect(mixture.safeParse({ temperatur: 1 }).success).toBe(false);
  });
});

test("countWithin", () => {
  expect(countWithin(Uint32Array.of(0, 2, 3, 7), [3, 0, 3, 2])).toEqual([2, 0, 1, 1]);
  expect(countWithin([], [3, 4])).toEqual([0, 0]);
});
