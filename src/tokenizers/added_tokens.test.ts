import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { AttuneError } from "../text/errors.ts";
import { createTokenizer } from "./tokenizer.ts";

interface Kind {
  json: Record<string, unknown> & { added_tokens: object[] };
  cases: [text: string, ids: number[], spans: number[]][];
}

const golden = JSON.parse(readFileSync(new URL("./goldens/added_tokens.json", import.meta.url), "utf8"));
const kinds: Record<string, Kind> = golden.kinds;
const withDecoder = (json: object) => ({ ...json, decoder: { type: "Fuse" } });

/** Of what was joined, tokenizers names one character, attune all. */
const JOINS = ["normalized, composed", "normalized, by a pattern"];

describe.each(Object.entries(kinds))("%s", (name, { json, cases }) => {
  const tokenizer = createTokenizer(withDecoder(json), null);

  test("ids and offsets are Hugging Face's", () => {
    for (const [text, ids, spans] of cases) {
      const encoding = tokenizer.encode(text);
      expect(encoding.ids, JSON.stringify(text)).toEqual(ids);
      if (!JOINS.includes(name)) expect(encoding.offsets.flat(), JSON.stringify(text)).toEqual(spans);
      encoding.offsets.forEach(([start, end], i) => {
        expect(start, JSON.stringify(text)).toBeLessThanOrEqual(spans[2 * i]!);
        expect(end, JSON.stringify(text)).toBeGreaterThanOrEqual(spans[2 * i + 1]!);
      });
    }
  });
});

describe("many and hostile added tokens", () => {
  const { json } = kinds["strips and words"]!;
  const withTokens = (tokens: object[]) =>
    createTokenizer({ ...withDecoder(json), added_tokens: tokens }, null);

  test("a hundred thousand of them take no longer for each character of a text", () => {
    const tokens = Array.from({ length: 100_000 }, (_, i) => ({ id: 1000 + i, content: `<extra_${i}>` }));
    const text = "<extra_99999> a <extra_7x> <extra_5>".repeat(2000);
    const { ids } = withTokens(tokens).encode(text);
    expect(ids.slice(0, 2)).toEqual([100_999, 29]);
    expect(ids.filter((id) => id >= 1000)).toHaveLength(4000);
  });

  test("white space before thousands of tokens is read once each", () => {
    const tokens = [
      { id: 1000, content: "<x>", lstrip: true, rstrip: true, single_word: true, normalized: false },
    ];
    const { ids } = withTokens(tokens).encode(` <x>${" ".repeat(20)}`.repeat(20_000));
    expect(ids).toEqual(new Array(20_000).fill(1000));
  });

  test.each<[string, object]>([
    ["a very long one", { id: 1000, content: "a".repeat(1025) }],
    ["half a character", { id: 1000, content: "\ud83d" }],
  ])("%s is refused", (_, token) => {
    expect(() => withTokens([token])).toThrow(AttuneError);
    expect(() => withTokens([token])).toThrow(/added_tokens: expected text of at most 1024 characters/);
  });
});
