import { describe, expect, test } from "vitest";
import type { TokenSequence } from "../tokenize/token_sequence.ts";
import { makePacks, type Pack } from "./pack.ts";
import { randomForest } from "./testing/random_forest.ts";

const sequence = (
  tokens: number[],
  labelWeights: number[] = tokens.map((_, i) => (i > 0 ? 1 : 0)),
): TokenSequence => ({
  tokens: Int32Array.from(tokens),
  labelWeights: Float32Array.from(labelWeights),
  origin: { file: "a.json", row: 1 },
});
const ofLength = (length: number) => sequence(Array.from({ length }, (_, i) => 100 * length + i));

/** Each as [label, sequence, token]. */
const uses = (...all: [number, number, number][]) => ({
  label: Int32Array.from(all, ([label]) => label),
  sequence: Int32Array.from(all, ([, sequence]) => sequence),
  token: Int32Array.from(all, ([, , token]) => token),
});

describe("packRows", () => {
  test("lays two sequences out side by side", () => {
    const [row, ...others] = makePacks([sequence([5, 6], [0, 1]), sequence([7, 8, 9], [0, 0.5, 2])], 8);
    expect(others).toEqual([]);
    expect(row).toEqual({
      tokens: Int32Array.of(5, 6, 7, 8, 9),
      positions: Int32Array.of(0, 1, 0, 1, 2),
      ends: Int32Array.of(2, 2, 5, 5, 5),
      sources: Int32Array.of(0, 2, 3),
      targets: Int32Array.of(6, 8, 9),
      uses: uses([0, 0, 1], [1, 1, 1], [2, 1, 2]),
    });
  });

  test("a sequence goes where it leaves the least room", () => {
    const lengths = [3, 7, 6, 2, 1];
    const rows = makePacks(lengths.map(ofLength), 10);
    expect(rows.map((row) => lengths.filter((length) => row.tokens.includes(100 * length)))).toEqual([
      [3, 7],
      [6, 2, 1],
    ]);
  });

  test("a sequence longer than the capacity gets a row of its own size", () => {
    const rows = makePacks([ofLength(2), ofLength(12), ofLength(3)], 10);
    expect(rows.map((row) => row.tokens.length)).toEqual([12, 5]);
  });

  test("a first token is never a label, even with a weight", () => {
    const [row] = makePacks([sequence([1, 2], [1, 1])], 4);
    expect([...row!.targets]).toEqual([2]);
  });

  test("every token but a first one can be a label", () => {
    const [row] = makePacks([sequence([1, 2, 3], [0, 0, 1])], 4, { everyToken: true });
    expect(row).toMatchObject({ sources: Int32Array.of(0, 1), targets: Int32Array.of(2, 3) });
    expect(row!.uses).toEqual(uses([0, 0, 1], [1, 0, 2]));
  });

  test("what two sequences start with lies there once, its labels' weights summed", () => {
    const [row, ...others] = makePacks(
      [sequence([1, 2, 3, 4], [0, 1, 2, 0]), sequence([1, 2, 5], [0, 3, 1])],
      8,
    );
    expect(others).toEqual([]);
    expect(row).toEqual({
      tokens: Int32Array.of(1, 2, 3, 4, 5),
      positions: Int32Array.of(0, 1, 2, 3, 2),
      ends: Int32Array.of(5, 5, 4, 4, 5),
      sources: Int32Array.of(0, 1, 1),
      targets: Int32Array.of(2, 3, 5),
      uses: uses([0, 0, 1], [1, 0, 2], [0, 1, 1], [2, 1, 2]),
    });
  });

  test("a sequence that another goes on from, and one that equals another, add no tokens", () => {
    const sequences = [sequence([1, 2, 3]), sequence([1, 2]), sequence([1, 2, 3]), sequence([])];
    for (const capacity of [2, 3, 10]) {
      const [row, ...others] = makePacks(sequences, capacity);
      expect(others).toEqual([]);
      expect([...row!.tokens]).toEqual([1, 2, 3]);
      expect([...row!.uses.label]).toEqual([0, 0, 1, 0, 1]);
    }
  });

  test("a tree larger than a row is cut where it branches, so that rows hold whole branches", () => {
    const document = (first: number) => Array.from({ length: 10 }, (_, i) => first + i);
    const questions = [100, 200].flatMap((first) =>
      [0, 1, 2, 3].map((n) => sequence([...document(first), first + 50 + n, first + 60 + n, 7])),
    );
    const lengths = (capacity: number) => makePacks(questions, capacity).map((row) => row.tokens.length);
    expect(lengths(22)).toEqual([22, 22]); // 10 + 4 · 3
    expect(lengths(16)).toEqual([16, 16, 16, 16]); // 10 + 2 · 3
  });

  test("random trees: nothing lost, capacity kept, never dearer than without sharing", () => {
    for (let trial = 0; trial < 80; trial++) {
      const sequences = randomForest(trial);
      const capacity = 8 + (trial % 50);
      const longest = Math.max(...sequences.map(({ tokens }) => tokens.length));
      const shared = makePacks(sequences, capacity);
      const separate = makePacks(sequences, capacity, { share: false });
      for (const rows of [shared, separate]) {
        expect(rows.every((row) => row.tokens.length <= Math.max(capacity, longest))).toBe(true);
        expect(labelsIn(rows, sequences)).toEqual(labelsOf(sequences));
      }
      expect(sizeOf(separate)).toBe(sequences.reduce((n, { tokens }) => n + tokens.length, 0));
      expect(sizeOf(shared) + 32 * shared.length).toBeLessThanOrEqual(
        sizeOf(separate) + 32 * separate.length,
      );
      expect(makePacks(sequences, capacity)).toEqual(shared);
    }
  });
});

const sizeOf = (rows: readonly Pack[]) => rows.reduce((n, { tokens }) => n + tokens.length, 0);

/** By what a label sees and predicts: its weight, and the examples that have it. */
type Labels = Map<string, { weight: number; examples: number[] }>;

function add(labels: Labels, path: string, weight: number, examples: readonly number[]) {
  const label = labels.get(path) ?? { weight: 0, examples: [] };
  label.examples = [...label.examples, ...examples].sort((a, b) => a - b);
  labels.set(path, { ...label, weight: label.weight + weight });
}

function labelsIn(rows: readonly Pack[], all: readonly TokenSequence[]): Labels {
  const labels: Labels = new Map();
  for (const { tokens, positions, ends, sources, targets, uses } of rows)
    sources.forEach((source, s) => {
      const seen = [...tokens.keys()].filter((j) => j <= source && source < ends[j]!);
      expect(seen.map((j) => positions[j])).toEqual([...seen.keys()]);
      uses.label.forEach((label, u) => {
        if (label !== s) return;
        const [example, weight] = [uses.sequence[u]!, all[uses.sequence[u]!]!.labelWeights[uses.token[u]!]!];
        add(labels, `${seen.map((j) => tokens[j])} -> ${targets[s]}`, weight, [example]);
      });
    });
  return labels;
}

function labelsOf(sequences: readonly TokenSequence[]): Labels {
  const labels: Labels = new Map();
  sequences.forEach(({ tokens, labelWeights }, example) => {
    for (let i = 1; i < tokens.length; i++)
      if (labelWeights[i] !== 0)
        add(labels, `${[...tokens.subarray(0, i)]} -> ${tokens[i]}`, labelWeights[i]!, [example]);
  });
  return labels;
}
