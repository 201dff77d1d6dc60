import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { AttuneError } from "../text/errors.ts";
import { trainTokenizer } from "./train.ts";

const golden = JSON.parse(readFileSync(new URL("./goldens/train.json", import.meta.url), "utf8"));
const { texts, specialTokens } = golden;

describe("trainTokenizer", () => {
  test.each([
    ["individualDigits", true],
    ["groupedDigits", false],
  ] as const)("%s: vocabulary and merges are those of Hugging Face's trainer", (name, individualDigits) => {
    const { vocabSize, vocab, merges } = golden[name];
    const trained = trainTokenizer(texts, { vocabSize, specialTokens, individualDigits });
    expect(trained.model.merges).toEqual(merges);
    expect(trained.model.vocab).toEqual(vocab);
  });

  test("learns nothing across or inside special tokens", () => {
    const { model } = trainTokenizer(["ab<|im_end|>cd", "ab<|im_end|>cd"], {
      vocabSize: 300,
      specialTokens: ["<|im_end|>"],
    });
    expect(model.merges).toEqual([
      ["a", "b"],
      ["c", "d"],
    ]);
  });

  test("stops where the text has no more pairs that repeat", () => {
    const { model } = trainTokenizer(["abc"], { vocabSize: 300, specialTokens: [] });
    expect(model.merges).toEqual([]);
    expect(Object.keys(model.vocab)).toHaveLength(256);
  });

  test("refuses a vocabulary too small for the bytes, and unusable special tokens", () => {
    expect(() => trainTokenizer([], { vocabSize: 256, specialTokens: ["<s>"] })).toThrow(/at least 257/);
    expect(() => trainTokenizer([], { vocabSize: 300, specialTokens: ["<s>", "<s>"] })).toThrow(AttuneError);
    expect(() => trainTokenizer([], { vocabSize: 300, specialTokens: ["a"] })).toThrow(/single byte/);
    expect(() => trainTokenizer([], { vocabSize: 300, specialTokens: [""] })).toThrow(/empty/);
  });
});
