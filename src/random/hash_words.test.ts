import { describe, expect, test } from "vitest";
import { hashWords } from "./hash_words.ts";

/** Little endian, as the reference reads it. */
const wordsOf = (text: string) => new Uint32Array(new TextEncoder().encode(text).slice().buffer);
const hex = (text: string, seed = 0) =>
  hashWords(wordsOf(text), seed)
    .map((word) => word.toString(16).padStart(8, "0"))
    .join("");

describe("hashWords", () => {
  // From murmurhash3js 3.0.1, x86.hash128(text, seed).
  test.each([
    ["", 0, "00000000000000000000000000000000"],
    ["abcd", 0, "96b6ccaa45afc62e45afc62e45afc62e"],
    ["0123456789abcdef", 0, "fb7d440936aed30a48ad1d9b572b3bfd"],
    ["0123456789abcdef0123456789ab", 7, "fc1faafe9a8c46d47012228245e0ded2"],
    ["The quick brown fox jumps over the lazy dog.", 0, "6cbb60997dd6ed5e2bbf0fbb9b627b55"],
  ])("MurmurHash3_x86_128 of %j, seed %i", (text, seed, expected) => {
    expect(hex(text, seed)).toBe(expected);
  });
});
