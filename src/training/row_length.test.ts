import { expect, test } from "vitest";
import { sequencesInMemory } from "../data/batches/testing/sequences_in_memory.ts";
import { headTokens, rowLengthFor } from "./row_length.ts";

const store = (...lengths: number[]) => ({
  length: lengths.length,
  tokensOf: (i: number) => lengths[i]!,
  at: () => {
    throw new Error("no sequence needs to be read");
  },
});

test("room for the longest of all, and at least for 512", () => {
  expect(rowLengthFor([store(3, 40), store(7)])).toBe(512);
  expect(rowLengthFor([store(3, 40), store(), store(900, 7)])).toBe(900);
});

test("more tokens than the model has positions are refused", () => {
  expect(rowLengthFor([store(64)], { maxPositions: 64 })).toBe(512);
  expect(() => rowLengthFor([store(64), store(65)], { maxPositions: 64 })).toThrow(
    /^training\.maxLength: there are examples of 65 tokens, and the model is made for 64 /,
  );
});

test("a pair fits into a row, its prompt counted once", () => {
  const sequence = (answer: number, length: number) => ({
    tokens: Int32Array.from({ length }, (_, t) => (t < 300 ? t : answer)),
    labelWeights: new Float32Array(length),
    origin: { file: "a.jsonl", row: 1 },
  });
  const pairs = sequencesInMemory([sequence(1, 500), sequence(2, 700), sequence(1, 310), sequence(2, 320)]);
  expect(rowLengthFor([pairs, store()], { branches: 2 })).toBe(300 + 200 + 400);
});

test("logits of a row take no more memory where it is long", () => {
  expect([512, 1024, 2048, 3000, 8192].map(headTokens)).toEqual([8192, 8192, 4096, 2048, 1024]);
  expect(headTokens(131_072)).toBe(512);
});
