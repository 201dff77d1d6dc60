import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { learnUnigram } from "./learn_unigram.ts";
import { createTokenizer } from "./tokenizer.ts";
import { trainUnigram } from "./train_unigram.ts";
import { createLattice } from "./unigram_lattice.ts";

const read = (path: string) => JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8"));
const golden = read("goldens/unigram.json");
const { texts }: { texts: string[] } = read("goldens/train.json");
const { encode: asked }: { encode: string[] } = read("../../goldens/vocabulary/texts.json");

test("tokenizers reads it, and encodes and decodes as attune does", () => {
  const json = trainUnigram(texts, { vocabSize: golden.vocabSize, specialTokens: ["<|im_end|>"] });
  expect(json.model.vocab).toHaveLength(golden.size);
  const tokenizer = createTokenizer(json as unknown as Record<string, unknown>, null);
  const ids = asked.map((text) => [...tokenizer.encode(text).ids]);
  expect(ids).toEqual(golden.ids);
  expect(ids.map((one) => tokenizer.decode(one))).toEqual(golden.texts);
});

describe("learning", () => {
  const words = new Map([
    ["▁low", 5],
    ["▁lower", 2],
    ["▁newest", 6],
    ["▁widest", 3],
  ]);
  const characters = [..."▁lowernstid"];

  test("keeps all characters and the pieces that make the words likeliest, the likeliest first", () => {
    const { pieces, scores } = learnUnigram(words, characters, 15);
    expect(pieces).toHaveLength(15);
    expect(pieces).toEqual(expect.arrayContaining(characters));
    expect(pieces.filter((piece) => piece.length > 1).length).toBe(4);
    expect([...scores]).toEqual([...scores].sort((a, b) => b - a));
    expect([...scores].reduce((sum, score) => sum + Math.exp(score), 0)).toBeLessThanOrEqual(1);
  });

  test("no more pieces come out than the text has, and more characters than wanted all stay", () => {
    expect(learnUnigram(words, characters, 1000).pieces.length).toBeLessThan(60);
    expect(learnUnigram(words, characters, 3).pieces).toHaveLength(characters.length);
  });
});

test("a lattice counts what is expected over all spellings", () => {
  const lattice = createLattice({ pieces: ["a", "b", "ab"], scores: Float64Array.of(-1, -2, -2.5) });
  const expected = new Float64Array(3);
  const log = lattice.expect("ab", 2, expected);
  const [apart, together] = [Math.exp(-3), Math.exp(-2.5)];
  expect(log).toBeCloseTo(Math.log(apart + together), 12);
  const share = apart / (apart + together);
  for (const [i, wanted] of [2 * share, 2 * share, 2 * (1 - share)].entries())
    expect(expected[i]).toBeCloseTo(wanted, 12);
  expect(lattice.best("ab")).toEqual([2]);
  expect(lattice.best("ab", 2)).toEqual([0, 1]);
  expect(lattice.best("a?b")).toEqual([0, -1, 1]);
});

test("too few tokens, and special tokens that can't be, are named", () => {
  const options = { vocabSize: 258, specialTokens: [] };
  expect(() => trainUnigram(["hello"], options)).toThrow(
    /at least 262 \(257 bytes and special tokens, 5 characters\)/,
  );
  expect(() => trainUnigram(["hello"], { vocabSize: 400, specialTokens: ["<unk>"] })).toThrow(
    /can't be a special token/,
  );
});
