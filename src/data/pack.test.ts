import { describe, expect, test } from "vitest";
import { packRows } from "./pack.ts";
import { randomUint32 } from "./random.ts";
import type { TokenSequence } from "./token_sequence.ts";

const sequence = (
  tokens: number[],
  labelWeights: number[] = tokens.map((_, i) => (i > 0 ? 1 : 0)),
): TokenSequence => ({
  tokens: Int32Array.from(tokens),
  labelWeights: Float32Array.from(labelWeights),
  origin: { file: "a.json", row: 1 },
});
const ofLength = (length: number) => sequence(Array.from({ length }, (_, i) => 100 * length + i));

describe("packRows", () => {
  test("lays two sequences out side by side", () => {
    const [row, ...others] = packRows([sequence([5, 6], [0, 1]), sequence([7, 8, 9], [0, 0.5, 2])], 8);
    expect(others).toEqual([]);
    expect(row).toEqual({
      tokens: Int32Array.of(7, 8, 9, 5, 6),
      positions: Int32Array.of(0, 1, 2, 0, 1),
      ends: Int32Array.of(3, 3, 3, 5, 5),
      examples: Int32Array.of(1, 1, 1, 0, 0),
      sources: Int32Array.of(0, 1, 3),
      targets: Int32Array.of(8, 9, 6),
      weights: Float32Array.of(0.5, 2, 1),
    });
  });

  test("a sequence goes where it leaves the least room", () => {
    const lengths = [3, 7, 6, 2, 1];
    const rows = packRows(lengths.map(ofLength), 10);
    expect(rows.map((row) => [...new Set(row.examples)])).toEqual([
      [1, 0],
      [2, 3, 4],
    ]);
  });

  test("a sequence longer than the capacity gets a row of its own size", () => {
    const rows = packRows([ofLength(2), ofLength(12), ofLength(3)], 10);
    expect(rows.map((row) => row.tokens.length)).toEqual([12, 5]);
  });

  test("a first token is never a label, even with a weight", () => {
    const [row] = packRows([sequence([1, 2], [1, 1])], 4);
    expect([...row!.targets]).toEqual([2]);
  });

  test("random sequences: nothing lost, capacity kept, every label once and next to its source", () => {
    for (let trial = 0; trial < 50; trial++) {
      const random = (index: number, below: number) => randomUint32(trial, "pack", 0, index) % below;
      const sequences = Array.from({ length: 1 + random(0, 20) }, (_, i) =>
        sequence(
          Array.from({ length: 1 + random(100 * i + 1, 30) }, (_, t) => random(100 * i + 2 * t + 2, 1000)),
          Array.from({ length: 30 }, (_, t) => random(100 * i + 2 * t + 3, 3)),
        ),
      );
      for (const one of sequences) one.labelWeights = one.labelWeights.slice(0, one.tokens.length);
      const rows = packRows(sequences, 32);
      expect(rows.every((row) => row.tokens.length <= 32)).toBe(true);
      expect(unpack(rows, sequences.length)).toEqual(
        sequences.map(({ tokens, labelWeights }) => ({
          tokens: [...tokens],
          weights: [0, ...labelWeights.slice(1)],
        })),
      );
      expect(packRows(sequences, 32)).toEqual(rows);
    }
  });

  /** Reads sequences back from rows by what a row says of itself. */
  function unpack(rows: ReturnType<typeof packRows>, count: number) {
    const found = Array.from({ length: count }, () => ({ tokens: [] as number[], weights: [] as number[] }));
    for (const row of rows) {
      const { tokens, positions, examples, ends, sources, targets, weights } = row;
      tokens.forEach((token, i) => {
        const one = found[examples[i]!]!;
        expect(positions[i]).toBe(one.tokens.length);
        expect(examples[ends[i]! - 1]).toBe(examples[i]);
        expect(examples[ends[i]!]).not.toBe(examples[i]);
        one.tokens.push(token);
        one.weights.push(0);
      });
      sources.forEach((source, s) => {
        expect(tokens[source + 1]).toBe(targets[s]);
        expect(ends[source]).toBeGreaterThan(source + 1);
        found[examples[source]!]!.weights[positions[source]! + 1]! = weights[s]!;
      });
    }
    return found;
  }
});
