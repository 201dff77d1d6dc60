import { describe, expect, test } from "vitest";
import { randomUint32 } from "../../random/random.ts";
import type { TokenSequence } from "../tokenize/token_sequence.ts";
import { firstEqual } from "./equal_sequences.ts";
import { sequencesInMemory } from "./testing/sequences_in_memory.ts";

const sequence = (tokens: number[], labelWeights = tokens.map(() => 1), row = 1): TokenSequence => ({
  tokens: Int32Array.from(tokens),
  labelWeights: Float32Array.from(labelWeights),
  origin: { file: "a.json", row },
});
const firstOf = (...sequences: TokenSequence[]) => [...firstEqual(sequencesInMemory(sequences))];

describe("firstEqual", () => {
  test("tokens and label weights have to be the same, origins need not", () => {
    expect(firstOf()).toEqual([]);
    expect(
      firstOf(
        sequence([1, 2]),
        sequence([1, 2], [0, 1]),
        sequence([1, 2], [1, 1], 7),
        sequence([2, 1]),
        sequence([1, 2, 0]),
        sequence([1, 2], [0, 1]),
      ),
    ).toEqual([0, 1, 0, 3, 4, 1]);
    expect(firstOf(sequence([-1], [0.5]), sequence([-1], [0.25]), sequence([-1], [0.5]))).toEqual([0, 1, 0]);
    expect(firstOf(sequence([]), sequence([0]), sequence([]))).toEqual([0, 1, 0]);
  });

  test("agrees with comparing all texts, over thousands of short sequences", () => {
    const sequences = Array.from({ length: 5000 }, (_, i) => {
      const draw = (k: number, n: number) => randomUint32(3, "test", i, k) % n;
      const tokens = Array.from({ length: draw(0, 7) }, (_, k) => draw(1 + k, 3));
      return sequence(
        tokens,
        tokens.map((_, k) => draw(20 + k, 2)),
      );
    });
    const seen = new Map<string, number>();
    const expected = sequences.map(({ tokens, labelWeights }, i) => {
      const key = `${tokens.join()};${labelWeights.join()}`;
      if (!seen.has(key)) seen.set(key, i);
      return seen.get(key);
    });
    expect(seen.size).toBeLessThan(4500);
    expect(firstOf(...sequences)).toEqual(expected);
  });

  test("sequences whose hashes collide are told apart", () => {
    const sequences = Array.from({ length: 200 }, (_, i) => sequence([i % 150, i % 50]));
    const first = firstEqual(sequencesInMemory(sequences), () => [7, 7, 7, 7]);
    expect([...first]).toEqual(sequences.map((_, i) => i % 150));
  });

  test("reads each once, and again only what an equal follows", () => {
    const sequences = [1, 2, 3, 2, 4, 2].map((token) => sequence([token]));
    const reads: number[] = [];
    const store = sequencesInMemory(sequences);
    const at = (i: number) => {
      reads.push(i);
      return store.at(i);
    };
    firstEqual({ ...store, at });
    expect(reads).toEqual([0, 1, 2, 3, 1, 4, 5, 1]);
  });
});
