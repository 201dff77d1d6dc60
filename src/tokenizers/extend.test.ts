import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { extendTokenizer } from "./extend.ts";
import { createTokenizer } from "./tokenizer.ts";
import { trainTokenizer } from "./train.ts";

interface Json {
  added_tokens: { id: number; content: string }[];
  model: { type: string; vocab: Record<string, number>; merges: unknown[] };
}

const read = (path: string) => JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8"));
const { kinds }: { kinds: Record<string, { json: Json }> } = read("goldens/encode.json");
const golden: { kinds: Record<string, { sha256: string; size: number; ids: number[][] }> } =
  read("goldens/extended.json");
const texts: { learn: string[]; encode: string[] } = read("../../goldens/vocabulary/texts.json");

const ENGLISH = [
  "Plain English stays: it's 12345 tokens.\n\n  def f(x): return x",
  "a".repeat(50),
  " \t\n~!@#$%^&*()_+{}|:<>?",
];

describe.each(Object.keys(golden.kinds))("%s", (kind) => {
  const { json } = kinds[kind]!;
  const { tokenizerJson, added, firstId } = extendTokenizer(json, null, texts.learn, { size: 60 });
  const [before, after] = [createTokenizer(json, null), createTokenizer(tokenizerJson, null)];

  test("encodes as tokenizers does with the same file", () => {
    const { sha256, ids } = golden.kinds[kind]!;
    expect(createHash("sha256").update(JSON.stringify(tokenizerJson)).digest("hex")).toBe(sha256);
    expect(texts.encode.map((text) => after.encode(text).ids)).toEqual(ids);
  });

  test("old tokens keep their ids; new ones follow the highest", () => {
    const { vocab, merges } = (tokenizerJson as unknown as Json).model;
    expect(vocab).toMatchObject(json.model.vocab);
    expect(merges.slice(0, json.model.merges.length)).toEqual(json.model.merges);
    for (const { id, content } of json.added_tokens) expect(vocab[content]).toBe(id);
    expect(added.map(({ token }) => vocab[token])).toEqual(added.map((_, i) => firstId + i));
    expect(firstId).toBe(before.vocabSize);
    expect(new Set(Object.values(vocab)).size).toBe(Object.values(vocab).length);
  });

  test("text without new tokens is encoded as before, the other with fewer and back", () => {
    for (const text of ENGLISH) expect(after.encode(text)).toEqual(before.encode(text));
    const text = texts.learn.join("");
    const [old, now] = [before.encode(text).ids, after.encode(text).ids];
    expect(now.length).toBeLessThan(0.75 * old.length);
    expect(after.decode(now)).toBe(before.decode(old));
  });

  test("a new token's pieces are what spelled it", () => {
    for (const { token, pieces } of added) {
      expect(pieces.length).toBeGreaterThan(1);
      expect(Math.max(...pieces)).toBeLessThan(firstId);
      expect(before.decode(pieces)).toBe(
        after.decode([firstId + added.findIndex((one) => one.token === token)]),
      );
    }
  });
});

describe("a text to keep", () => {
  const json = trainTokenizer(["low lower lowest ".repeat(20)], { vocabSize: 264, specialTokens: ["</s>"] });
  const learn = Array(9).fill("the weather is the newest weather");

  test("lets tokens of ASCII characters be added, and is encoded as before", () => {
    const keep = ["the newest of the low"];
    const { tokenizerJson, added } = extendTokenizer(json, null, learn, { size: 30, keep });
    const [before, after] = [createTokenizer(json, null), createTokenizer(tokenizerJson, null)];
    expect(added.map(({ token }) => token)).toContain("Ġweather");
    expect(after.encode(keep[0]!)).toEqual(before.encode(keep[0]!));
    expect(after.encode("weather weather").ids.length).toBeLessThan(
      before.encode("weather weather").ids.length,
    );
  });

  test("without it ASCII gives nothing, and that is said", () => {
    const extend = (keep?: string[]) => () => extendTokenizer(json, null, learn, { size: 5, keep });
    expect(extend()).toThrow(expect.objectContaining({ code: "tokenizers.nothing-to-add" }));
    expect(extend([learn[0]!])).toThrow(expect.objectContaining({ code: "tokenizers.nothing-to-add" }));
    expect(extend([])).not.toThrow();
  });
});

describe("refuses", () => {
  test("a tokenizer that isn't byte-pair", () => {
    expect(() => extendTokenizer(kinds.unigram!.json, null, texts.learn, { size: 5 })).toThrow(
      /tokenizer\.json: model\.type: expected BPE.*got "Unigram"/,
    );
  });

  test.each([0, -1, 1.5, Number.NaN])("%s tokens", (size) => {
    expect(() => extendTokenizer(kinds.gpt2!.json, null, texts.learn, { size })).toThrow(
      /size: expected a whole/,
    );
  });

  test("texts that repeat nothing", () => {
    expect(() => extendTokenizer(kinds.gpt2!.json, null, ["春"], { size: 5 })).toThrow(/no pair of tokens/);
  });
});
