import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createTokenizer } from "./tokenizer.ts";

const read = (path: string) => JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8"));
const golden = read("./goldens/encode.json");
const demo = read("../../demo/base/tokenizer.json");
const kinds: [string, unknown, string[]][] = [
  ["demo", demo, []],
  ...Object.entries<{ json: unknown; cases: { text: string }[] }>(golden.kinds).map(
    ([name, { json, cases }]): [string, unknown, string[]] => [name, json, cases.map(({ text }) => text)],
  ),
];
const LONG = [
  ...["a", " ", "\n", "😀", "é".normalize("NFD"), "漢", "▁", "-", "<s> ", "ﬁ", "Ａ", "각".normalize("NFD")],
  "The cat sat on it. ",
].map((text) => text.repeat(300));

describe.each(kinds)("%s", (_, json, texts) => {
  const tokenizer = createTokenizer(json, null);
  test("is never more than a text has", () => {
    for (const text of [...texts, ...LONG])
      expect(tokenizer.leastTokens(text), text.slice(0, 40)).toBeLessThanOrEqual(
        tokenizer.encode(text).ids.length,
      );
  });
});

test("grows with the text, whatever it is of", () => {
  const tokenizer = createTokenizer(demo, null);
  for (const text of LONG) {
    const bytes = new TextEncoder().encode(text).length;
    expect(tokenizer.leastTokens(text), text.slice(0, 20)).toBeGreaterThan(bytes / 200);
  }
});

test.each<[string, object]>([
  ["an unknown token", { model: { ...demo.model, byte_fallback: false }, pre_tokenizer: null }],
  [
    "a step that leaves text out",
    {
      pre_tokenizer: {
        type: "Sequence",
        pretokenizers: [{ type: "Split", pattern: { String: "a" }, behavior: "Removed" }, demo.pre_tokenizer],
      },
    },
  ],
  ["a pattern that shortens", { normalizer: { type: "Replace", pattern: { Regex: "a+" }, content: "a" } }],
])("says nothing where %s may stand for any text", (_, change) => {
  expect(createTokenizer({ ...demo, ...change }, null).leastTokens("a".repeat(10_000))).toBe(0);
});

test("space that an added token takes with it doesn't count, other space does", () => {
  const added = demo.added_tokens.map((token: object) => ({ ...token, lstrip: true, rstrip: true }));
  const tokenizer = createTokenizer({ ...demo, added_tokens: added }, null);
  const { content } = added[0];
  const space = " ".repeat(2000);
  const texts = [space, `${space}b${space}`, space + content + space, `${content}${space}b`];
  const [alone, between, ...taken] = texts.map(tokenizer.leastTokens);
  expect(Math.min(alone!, between!)).toBeGreaterThan(10);
  expect(taken).toEqual([0, 0]);
  for (const text of texts)
    expect(tokenizer.leastTokens(text)).toBeLessThanOrEqual(tokenizer.encode(text).ids.length);
});
