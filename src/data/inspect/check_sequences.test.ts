import { expect, test } from "vitest";
import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import { sequencesInMemory } from "../batches/testing/sequences_in_memory.ts";
import { checkSequences, findLeaks } from "./check_sequences.ts";

// Token 0 is BOS, 1 the end of a turn, letters are their own code.
const tokenizer = {
  specialTokens: { bos: "<s>" },
  idOf: (token: string) => (token === "<s>" ? 0 : undefined),
  tokenOf: (id: number) => ["<s>", "<end>"][id] ?? String.fromCharCode(id),
  isSpecial: (id: number) => id < 2,
  decode: (ids: ArrayLike<number>) =>
    Array.from(ids, (id) => (id < 2 ? "" : String.fromCharCode(id))).join(""),
} as unknown as Tokenizer;

let row = 0;
/** "<prompt>answer": the answer and what ends it are labels. */
const sequence = (prompt: string, answer: string, { end = true, bos = 1 } = {}) => {
  const ids = (text: string) => Array.from(text, (c) => c.charCodeAt(0));
  const context = [...Array(bos).fill(0), ...ids(prompt)];
  const labels = [...ids(answer), ...(end ? [1] : [])];
  return {
    tokens: Int32Array.of(...context, ...labels),
    labelWeights: Float32Array.of(...context.map(() => 0), ...labels.map(() => 1)),
    origin: { file: "rows", row: ++row },
  };
};

test("what is found", () => {
  row = 0;
  const store = sequencesInMemory([
    sequence("ab", "yes"),
    sequence("cd", "yes"),
    sequence("ab", "yes"),
    sequence("ef", "no, n", { end: false }),
    sequence("gh", "maybe", { bos: 2 }),
  ]);
  const check = checkSequences(store, tokenizer, { batchSize: 2 });
  const rows = (first: { row: number }[]) => first.map((origin) => origin.row);
  expect(check).toMatchObject({ sequences: 5, tokens: 7 + 7 + 7 + 8 + 10, supervisedTokens: 4 * 3 + 5 + 6 });
  expect(check.lengths).toMatchObject({ least: 7, most: 10, median: 7 });
  expect(check.ends).toEqual([
    { token: "<end>", count: 4 },
    { token: "", count: 1 },
  ]);
  expect([check.endless.count, rows(check.endless.first)]).toEqual([1, [4]]);
  expect([check.doubleBos.count, rows(check.doubleBos.first)]).toEqual([1, [5]]);
  expect([check.duplicates.count, rows(check.duplicates.first)]).toEqual([1, [3]]);
  expect(check.commonAnswers).toEqual([{ text: "yes", count: 3 }]);
  expect(check.padding).toBe(1); // 7 beside 7, 7 beside 8, 10 alone
});

test("the same answer to the same prompt in both splits is a leak, another prompt is none", () => {
  const train = sequencesInMemory([sequence("ab", "yes"), sequence("cd", "no")]);
  const evaluation = sequencesInMemory([sequence("ab", "perhaps"), sequence("xy", "yes")]);
  const leaks = findLeaks(train, evaluation);
  expect(leaks.count).toBe(1);
  expect(leaks.first[0]).toEqual(evaluation.at(0).origin);
  expect(findLeaks(train, sequencesInMemory([])).count).toBe(0);
});
