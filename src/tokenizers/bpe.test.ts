import { describe, expect, test } from "vitest";
import { AttuneError } from "../text/errors.ts";
import { createBytePairEncoder } from "./bpe.ts";

/** Merges of every order over a small alphabet, so that they compete. */
const merges = [
  "a b",
  "b c",
  "ab c",
  "c a",
  "a a",
  "aa a",
  "bc bc",
  "ab ab",
  "abc ab",
  "b b",
  "ca ca",
  "c c",
];
const tokens = new Set(["a", "b", "c", ...merges.map((merge) => merge.replace(" ", ""))]);
const ids = new Map([...tokens].map((token, i) => [token, 10 * i]));
const encode = createBytePairEncoder({ ids, merges });

/** By the definition: join the leftmost pair of the earliest merge, look again. */
function slowly(piece: string): string[] {
  const parts = Array.from(piece);
  for (;;) {
    const ranks = parts.slice(1).map((part, i) => merges.indexOf(`${parts[i]} ${part}`));
    const best = Math.min(...ranks.filter((rank) => rank >= 0));
    if (best === Number.POSITIVE_INFINITY) return parts;
    parts.splice(ranks.indexOf(best), 2, merges[best]!.replace(" ", ""));
  }
}

describe("byte-pair encoding", () => {
  test("joins the earliest merge's leftmost pair first, for every piece of up to seven letters", () => {
    for (let code = 0; code < 4 ** 7; code++) {
      const piece = code.toString(4).replace(/\d/g, (digit) => "abcx"[Number(digit)]!);
      const expected = slowly(piece);
      expect(encode(piece), piece).toEqual({
        ids: expected.map((token) => ids.get(token) ?? -1),
        lengths: expected.map((token) => token.length),
      });
    }
  });

  test("a long piece takes no longer for each of its letters", () => {
    const piece = "abcaab".repeat(20_000);
    expect(encode(piece).lengths.reduce((sum, length) => sum + length, 0)).toBe(piece.length);
  });

  test.each(["a d", "d a", "b a"])("the merge %j of tokens that aren't there is an error", (merge) => {
    const broken = () => createBytePairEncoder({ ids, merges: [merge] });
    expect(broken).toThrow(AttuneError);
    expect(broken).toThrow(/model\.merges\[0\]: the token "(d|ba)" isn't in model\.vocab/);
  });

  test("ids too large to be told apart are an error", () => {
    const large = new Map([["a", 2 ** 30]]);
    expect(() => createBytePairEncoder({ ids: large, merges: [] })).toThrow(/ids below/);
  });
});
