import { expect, test } from "vitest";
import { sequencesInMemory } from "../batches/testing/sequences_in_memory.ts";
import { computedTokens } from "./computed_tokens.ts";

const sequence = (...tokens: number[]) => ({
  tokens: Int32Array.from(tokens),
  labelWeights: Float32Array.from(tokens, (_, i) => (i === tokens.length - 1 ? 1 : 0)),
  origin: { file: "a", row: 1 },
});

test("what a step's sequences share at their start counts once, what steps share counts in each", () => {
  const store = sequencesInMemory([sequence(1, 2, 3, 4), sequence(1, 2, 3, 5, 6), sequence(1, 2, 3, 7)]);
  expect(computedTokens(store, { batchSize: 1, rowLength: 64 })).toBe(13);
  expect(computedTokens(store, { batchSize: 2, rowLength: 64 })).toBe(6 + 4);
  expect(computedTokens(store, { batchSize: 3, rowLength: 64 })).toBe(7);
});
