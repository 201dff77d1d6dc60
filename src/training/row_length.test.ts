import { expect, test } from "vitest";
import { rowLengthFor } from "./row_length.ts";

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
  expect(rowLengthFor([store(64)], 64)).toBe(512);
  expect(() => rowLengthFor([store(64), store(65)], 64)).toThrow(
    /^training\.maxLength: there are examples of 65 tokens, and the model is made for 64 /,
  );
});
