import { describe, expect, test } from "vitest";
import type { TokenSequence } from "../data/tokenize/token_sequence.ts";
import { type ShareOptions, sharesOf } from "./shares.ts";

const sequence = (length: number, start: number[] = [], seed = 0): TokenSequence => ({
  tokens: Int32Array.from({ length }, (_, i) => start[i] ?? 1000 * (seed + 1) + i),
  labelWeights: new Float32Array(length),
  origin: { file: "rows", row: 1 },
});
const batch = (lengths: number[]) => lengths.map((length, seed) => sequence(length, [], seed));

const options: ShareOptions = { size: 2, branches: 1, share: true, labelCost: 0 };
const split = (sequences: TokenSequence[], changes: Partial<ShareOptions> = {}) =>
  sharesOf(sequences, { ...options, ...changes });
const tokensOf = (sequences: TokenSequence[], shares: number[][]) =>
  shares.map((places) => places.reduce((n, place) => n + sequences[place]!.tokens.length, 0));

describe("shares of a batch", () => {
  test("hold each example once, in the batch's order, whatever their number", () => {
    const sequences = batch([10, 90, 30, 70, 50]);
    for (const size of [1, 2, 3, 5, 9]) {
      const shares = split(sequences, { size });
      expect(shares).toHaveLength(size);
      expect(shares.flat().sort()).toEqual([0, 1, 2, 3, 4]);
      for (const places of shares) expect(places).toEqual(places.toSorted((a, b) => a - b));
    }
  });

  test("of an uneven batch: the longest stands against the others; more shares than examples leave some empty", () => {
    expect(split(batch([100, 40, 60]))).toEqual([[0], [1, 2]]);
    expect(split(batch([5, 9]), { size: 4 }).map(({ length }) => length)).toEqual([1, 1, 0, 0]);
  });

  test("are even where the longest first isn't: examples are swapped", () => {
    const sequences = batch([70, 60, 50, 50, 50]); // longest first: 70 + 50 + 50 and 60 + 50
    const tokens = tokensOf(sequences, split(sequences));
    expect(Math.max(...tokens)).toBe(150);
    const many = batch(Array.from({ length: 32 }, (_, i) => 20 + ((i * 37) % 101)));
    const even = tokensOf(many, split(many, { size: 4 }));
    expect(Math.max(...even) / (even.reduce((a, b) => a + b) / 4)).toBeLessThan(1.01);
  });

  test("count labels, which alone reach the output layer", () => {
    const answers = [60, 0, 60, 0];
    const sequences = batch([100, 100, 100, 100]).map((own, i) => ({
      ...own,
      labelWeights: own.labelWeights.map((_, at) => Number(at >= 100 - answers[i]!)),
    }));
    const [withLabels, without] = [
      [0, 2],
      [1, 3],
    ];
    expect(split(sequences)).toEqual([withLabels, without]);
    for (const share of split(sequences, { labelCost: 0.4 })) {
      expect(share.filter((i) => withLabels.includes(i))).toHaveLength(1);
      expect(share.filter((i) => without.includes(i))).toHaveLength(1);
    }
  });

  test("count what examples begin with alike once", () => {
    const prompt = Array.from({ length: 80 }, (_, i) => i);
    const sequences = [0, 1, 2, 3].map((seed) => sequence(100, prompt, seed)).concat(batch([160]));
    expect(split(sequences)).toContainEqual([0, 1, 2, 3]); // 80 + 4 · 20 tokens, as many as the last one
    expect(split(sequences, { share: false })).not.toContainEqual([0, 1, 2, 3]);
  });

  test("of all the data are made at once, and even", () => {
    const sequences = batch(Array.from({ length: 20_000 }, (_, i) => 1 + ((i * 37) % 101)));
    const tokens = tokensOf(sequences, split(sequences, { size: 8 }));
    expect(Math.max(...tokens) - Math.min(...tokens)).toBeLessThanOrEqual(101);
  });

  test("keep the answers of an example together", () => {
    const shares = split(batch([10, 20, 90, 10, 40, 50]), { branches: 2 });
    expect(shares.toSorted()).toEqual([
      [0, 1, 4, 5],
      [2, 3],
    ]);
  });
});
