import { expect, test } from "vitest";
import { firstEqual } from "./equal_sequences.ts";
import { sequencesInMemory } from "./testing/sequences_in_memory.ts";
import { sequencesOf, wholeExamples } from "./whole_examples.ts";

const store = sequencesInMemory(
  [
    [1, 2, 3],
    [1, 4],
    [1, 2],
    [3, 1, 4],
    [1, 2, 3],
    [1, 4],
  ].map((tokens, row) => ({
    tokens: Int32Array.from(tokens),
    labelWeights: Float32Array.from(tokens, (_, i) => Number(i === tokens.length - 1)),
    origin: { file: "a.jsonl", row },
  })),
);

test("pairs are compared as a whole, and where one ends counts", () => {
  const pairs = wholeExamples(store, 2);
  expect(pairs.length).toBe(3);
  expect(pairs.tokensOf(1)).toBe(5);
  expect([...firstEqual(pairs)]).toEqual([0, 1, 0]);
});

test("examples of one sequence are the sequences", () => {
  expect(wholeExamples(store, 1)).toBe(store);
});

test("the sequences of examples follow each other", () => {
  expect([...sequencesOf([2, 0], 2)]).toEqual([4, 5, 0, 1]);
});
