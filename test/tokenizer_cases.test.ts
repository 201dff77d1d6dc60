import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createTokenizer } from "../src/tokenizers/tokenizer.ts";

const read = (path: string) => JSON.parse(readFileSync(new URL(`cases/${path}`, import.meta.url), "utf8"));

test.each([
  ["h1", "rstrip"],
  ["h2", "possessive"],
])("%s: what other people's tokenizers make of a text", (id, model) => {
  const tokenizer = createTokenizer(
    read(`models/${model}/tokenizer.json`),
    read(`models/${model}/tokenizer_config.json`),
  );
  for (const { text, tokens, ids } of read(`${id}/expected.json`).rows) {
    const encoding = tokenizer.encode(text);
    expect(encoding.ids).toEqual(ids);
    expect(encoding.ids.map(tokenizer.tokenOf)).toEqual(tokens);
    expect(tokenizer.decode(encoding.ids)).toBe(id === "h1" ? text.replace("\u0085", "") : text);
  }
});
