import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { AttuneError } from "../text/errors.ts";
import { createTokenizer } from "./tokenizer.ts";

const golden = JSON.parse(readFileSync(new URL("./goldens/encode.json", import.meta.url), "utf8"));
const { json } = golden.kinds.llama2;
const tokenizer = (change: object) => createTokenizer({ ...json, ...change }, null);
const replace = (from: string, content: string) => ({ type: "Replace", pattern: { String: from }, content });
const replacePattern = (Regex: string, content: string) => ({ type: "Replace", pattern: { Regex }, content });
const nested = (key: string, depth: number, step: object): object =>
  depth === 0 ? step : { type: "Sequence", [key]: [nested(key, depth - 1, step)] };

function errorOf(run: () => unknown): Error | undefined {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  return undefined;
}

describe("what a tokenizer's steps may do to a text is bounded", () => {
  test.each<[string, object, string, RegExp]>([
    [
      "a normalizer that grows a text",
      { normalizer: { type: "Sequence", normalizers: new Array(20).fill(replace("a", "aaaaaaaaaa")) } },
      "a".repeat(1000),
      /normalizer: it makes a text more than 32 times as long/,
    ],
    [
      "one that grows between all characters",
      { normalizer: { type: "Sequence", normalizers: new Array(20).fill(replacePattern("", "ab")) } },
      "a".repeat(1000),
      /normalizer: it makes a text more than 32 times as long/,
    ],
    [
      "one whose pattern runs away on each of many pieces",
      {
        pre_tokenizer: {
          type: "Sequence",
          pretokenizers: [
            { type: "Split", pattern: { Regex: " " }, behavior: "Removed" },
            { type: "Split", pattern: { Regex: "(?:(?:a*)*)*b" }, behavior: "Isolated" },
          ],
        },
        normalizer: null,
      },
      `${"a".repeat(18)} `.repeat(1000),
      /the pattern ".*too many steps/,
    ],
    [
      "marks without end",
      { normalizer: { type: "NFC" } },
      `a${"\u0301\u0316".repeat(100_000)}`,
      /more than 4096 combining marks/,
    ],
    [
      "marks without end, behind a text",
      { normalizer: { type: "NFKD" } },
      `${"text ".repeat(5000)}${"\uff9e\u0334".repeat(3000)}`,
      /more than 4096 combining marks/,
    ],
  ])("%s", (_, change, text, message) => {
    const failure = errorOf(() => tokenizer(change).encode(text));
    expect(failure).toBeInstanceOf(AttuneError);
    expect(failure?.message).toMatch(message);
  });

  test("a text with as many marks as may be is normalized in time", () => {
    const { encode } = tokenizer({ normalizer: { type: "NFC" } });
    expect(encode(`e${"\u0301\u0316".repeat(2000)}`.repeat(10)).ids.length).toBeGreaterThan(0);
  });

  test("a decoder that grows a token", () => {
    const decoder = { type: "Sequence", decoders: new Array(30).fill(replace("a", "aaaaaaaaaa")) };
    const { encode, decode } = tokenizer({ decoder });
    expect(() => decode(encode("a").ids)).toThrow(/decoder: a Replace makes a token longer than/);
  });

  test("a decoder's pattern is computed as a normalizer's", () => {
    const { encode, decode } = tokenizer({ decoder: replacePattern("▁(?=h)", "_"), normalizer: null });
    expect(decode(encode("▁hello▁world").ids)).toBe("_hello▁world");
  });

  test.each<[string, object, RegExp]>([
    [
      "normalizers in each other",
      { normalizer: nested("normalizers", 5000, { type: "NFC" }) },
      /normalizer: expected at most 100 sequences/,
    ],
    [
      "pre-tokenizers in each other",
      { pre_tokenizer: nested("pretokenizers", 5000, { type: "Digits" }) },
      /pre_tokenizer: expected at most 100 sequences/,
    ],
    [
      "decoders in each other",
      { decoder: nested("decoders", 5000, { type: "Fuse" }) },
      /decoder: expected at most 100 sequences/,
    ],
    [
      "a thousand steps",
      { normalizer: { type: "Sequence", normalizers: new Array(1000).fill({ type: "NFC" }) } },
      /at most 100 steps, got 1000/,
    ],
    [
      "a sequence without steps",
      { normalizer: { type: "Sequence" } },
      /normalizer: expected a list of normalizers/,
    ],
    [
      "a step that is none",
      { normalizer: { type: "Sequence", normalizers: [7] } },
      /normalizer: expected a step with a type, got 7/,
    ],
    [
      "a step of itself",
      { decoder: { type: "Sequence", decoders: [null] } },
      /decoder: expected a step with a type, got null/,
    ],
    [
      "an unknown behavior",
      { pre_tokenizer: { type: "Split", pattern: { String: "a" }, behavior: "__proto__" } },
      /behavior.*got __proto__/,
    ],
  ])("%s", (_, change, message) => {
    expect(() => tokenizer(change)).toThrow(AttuneError);
    expect(() => tokenizer(change)).toThrow(message);
  });
});

describe("a long text", () => {
  const kinds = Object.entries(golden.kinds as Record<string, { json: object; cases: { text: string }[] }>);

  test.each(kinds)("%s: eachToken gives what encode lists", (_, { json, cases }) => {
    const { encode, eachToken } = createTokenizer(json, null);
    for (const { text } of cases) {
      const ids: number[] = [];
      const offsets: [number, number][] = [];
      eachToken(text, (id, start, end) => {
        ids.push(id);
        offsets.push([start, end]);
      });
      expect({ ids, offsets }).toEqual(encode(text));
    }
  });

  test.each(["llama2", "mistral", "gemma", "gpt2", "qwen2"])(
    "%s: its tokens cost a small multiple of it while it is read",
    (name) => {
      const { eachToken } = createTokenizer(golden.kinds[name].json, null);
      const text = "the theme of the thesis, 3.14 你好 naïve\n".repeat(25_000); // a million characters
      global.gc?.();
      const before = process.memoryUsage();
      let [tokens, most] = [0, 0];
      eachToken(text, () => {
        if (++tokens % 50_000 === 0) most = Math.max(most, held(process.memoryUsage()) - held(before));
      });
      expect(tokens).toBeGreaterThan(100_000);
      expect(most / text.length).toBeLessThan(120); // garbage not yet collected included
    },
  );

  const held = ({ heapUsed, arrayBuffers }: NodeJS.MemoryUsage) => heapUsed + arrayBuffers;
});
