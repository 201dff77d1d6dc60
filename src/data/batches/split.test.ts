import { describe, expect, test } from "vitest";
import { AttuneError } from "../../text/errors.ts";
import type { TokenSequence } from "../tokenize/token_sequence.ts";
import { splitSequences } from "./split.ts";
import { sequencesInMemory } from "./testing/sequences_in_memory.ts";

const sequence = (row: number, token: number): TokenSequence => ({
  tokens: Int32Array.of(1, token),
  labelWeights: Float32Array.of(0, 1),
  origin: { file: "a.json", row },
});
const distinct = Array.from({ length: 100 }, (_, i) => sequence(i + 1, i));
/** The split's sides as sequences. */
const split = (sequences: TokenSequence[], options: { fraction: number; seed: number }) => {
  const { train, evaluation } = splitSequences(sequencesInMemory(sequences), options);
  const sequencesOf = (side: Uint32Array) => Array.from(side, (i) => sequences[i]!);
  return { train: sequencesOf(train), evaluation: sequencesOf(evaluation) };
};
const rows = (sequences: TokenSequence[]) => sequences.map(({ origin }) => origin.row);

describe("splitSequences", () => {
  test("holds out the fraction, keeps file order, loses nothing", () => {
    const { train, evaluation } = split(distinct, { fraction: 0.07, seed: 1 });
    expect(evaluation).toHaveLength(7);
    expect(rows([...train, ...evaluation]).toSorted((a, b) => a - b)).toEqual(rows(distinct));
    for (const side of [train, evaluation]) expect(rows(side)).toEqual(rows(side).toSorted((a, b) => a - b));
  });

  test("the seed chooses", () => {
    const held = (seed: number) => rows(split(distinct, { fraction: 0.1, seed }).evaluation);
    expect(held(1)).toEqual(held(1));
    expect(held(1)).not.toEqual(held(2));
  });

  test("a seed's choice is what it ever was: unfinished runs go on", () => {
    const doubled = distinct.flatMap((one, i) => [one, sequence(1000 + i, i % 50)]);
    expect(rows(split(distinct, { fraction: 0.07, seed: 1 }).evaluation)).toEqual([
      10, 47, 60, 61, 71, 74, 86,
    ]);
    expect(rows(split(doubled, { fraction: 0.04, seed: 42 }).evaluation)).toEqual([
      2, 1001, 1051, 62, 85, 87, 96, 100,
    ]);
  });

  test("equal examples never straddle", () => {
    const doubled = distinct.flatMap((one, i) => [one, sequence(1000 + i, i % 50)]);
    for (let seed = 0; seed < 20; seed++) {
      const { train, evaluation } = split(doubled, { fraction: 0.1, seed });
      const tokens = (side: TokenSequence[]) => new Set(side.map((one) => one.tokens.join()));
      expect([...tokens(train)].filter((key) => tokens(evaluation).has(key))).toEqual([]);
      expect(Math.abs(evaluation.length - 20)).toBeLessThanOrEqual(2);
    }
  });

  test("a split that leaves a side empty is an error", () => {
    expect(() => split([sequence(1, 1)], { fraction: 0.5, seed: 1 })).toThrow(AttuneError);
    const same = [sequence(1, 1), sequence(2, 1)];
    expect(() => split(same, { fraction: 0.5, seed: 1 })).toThrow(/1 of them different/);
    expect(() => split(distinct, { fraction: 1, seed: 1 })).toThrow(/between 0 and 1/);
  });
});
