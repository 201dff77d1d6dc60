import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { randomUniform } from "../../random/random.ts";
import { createTokenizer, type Tokenizer } from "../../tokenizers/tokenizer.ts";
import { type PieceEncoder, pieceEncoder } from "./encode_pieces.ts";

const models = fileURLToPath(new URL("../../../test/cases/models/", import.meta.url));

function open(model: string): Tokenizer {
  const read = (name: string) => JSON.parse(readFileSync(`${models}${model}/${name}`, "utf8"));
  return createTokenizer(read("tokenizer.json"), read("tokenizer_config.json"));
}

const WORDS = [
  ..."the of and to house-boat 12345 3.14 it's You'll HTTP naïve café 你好，世界。 请稍等 日本語 한국어 😀 👩‍👩‍👧 \u0301 <|im_end|> <|im_start|> x=1; ( ) -- ... \t".split(
    " ",
  ),
  ...["\n", "\n\n", "  ", " ", " \n ", "\r\n", "    ", "a".repeat(40), "\u00a0"],
];

/** Words and white space at random; some of it in long runs. */
function randomText(seed: number, words: number, { runs = false } = {}): string {
  const parts: string[] = [];
  for (let i = 0; i < words; i++) {
    const word = WORDS[Math.floor(randomUniform(seed, "word", 0, i) * WORDS.length)]!;
    const isRun = runs && randomUniform(seed, "run", 0, i) < 0.01;
    parts.push(isRun ? word.repeat(1 + Math.floor(randomUniform(seed, "length", 0, i) * 60)) : word);
    if (randomUniform(seed, "space", 0, i) < 0.7) parts.push(" ");
  }
  return parts.join("");
}

function cutAnywhere(text: string, seed: number, longest: number): string[] {
  const pieces: string[] = [];
  for (let at = 0, i = 0; at < text.length; i++) {
    const size = Math.floor(randomUniform(seed, "piece", 0, i) * longest);
    pieces.push(text.slice(at, at + size));
    at += size;
  }
  return pieces;
}

const idsOf = (encoder: PieceEncoder, pieces: string[]): number[] =>
  [...pieces.flatMap((piece) => [...encoder.add(piece)]), ...encoder.end()].flat();

const small = { window: 1500, around: 256, agree: 64, most: 2 ** 16 };

describe.each(["chatml", "bos", "pieces", "gpt2", "possessive", "rstrip"])("%s", (model) => {
  const tokenizer = open(model);
  const encode = (text: string, isFirst: boolean) => tokenizer.encode(text, { addBos: isFirst });

  test.each([1, 2, 3, 4])("pieces give the tokens of the whole, text %i", (seed) => {
    const text = randomText(seed, 4000, { runs: seed > 2 });
    const whole = tokenizer.encode(text, { addBos: true }).ids;
    for (const pieces of [[text], cutAnywhere(text, seed, 5000), cutAnywhere(text, seed, 30)])
      expect(idsOf(pieceEncoder(encode, small), pieces)).toEqual(whole);
  });

  test("little is encoded at once", () => {
    const text = randomText(9, 6000);
    let longest = 0;
    const counted = (part: string, isFirst: boolean) => {
      longest = Math.max(longest, part.length);
      return encode(part, isFirst);
    };
    idsOf(pieceEncoder(counted, small), [text]);
    expect(longest).toBeLessThan(4 * small.window);
  });
});

describe("a stretch without a place to cut", () => {
  const tokenizer = open("chatml");
  const encode = (text: string) => tokenizer.encode(text);

  test.each([
    ["a letter", "a"],
    ["spaces", " "],
    ["a pattern", "abc"],
    ["line ends", "\n"],
    ["stripes", "=-"],
  ])("%s, many times", (_, unit) => {
    const text = `${randomText(1, 300)}${unit.repeat(9000)}${randomText(2, 300)}`;
    expect(idsOf(pieceEncoder(encode, small), cutAnywhere(text, 3, 900))).toEqual(encode(text).ids);
  });

  test("is found by encoding its surroundings: tokens may go on from far away", () => {
    const pairs = (text: string) => {
      const found = [...text.matchAll(/a{1,2}|[^a]/g)];
      const offsets = found.map(({ 0: { length }, index }): [number, number] => [index, index + length]);
      return { ids: found.map(({ 0: token }) => token.length), offsets };
    };
    const text = `${"bc ".repeat(100)}${"a".repeat(5000)}${"bc ".repeat(2000)}${"a".repeat(4001)}`;
    for (const around of [255, 256])
      expect(idsOf(pieceEncoder(pairs, { ...small, around }), [text])).toEqual(pairs(text).ids);
  });

  test("is refused where it is longer than may be", () => {
    let calls = 0;
    const restless = (text: string) => {
      calls++;
      return {
        ids: Array.from(text, () => calls),
        offsets: Array.from(text, (_, i): [number, number] => [i, i + 1]),
      };
    };
    const encoder = pieceEncoder(restless, { ...small, most: 8000 });
    expect(() => idsOf(encoder, ["x".repeat(50_000)])).toThrow(
      /more than 8000 characters of the text have no place/,
    );
  });
});

test("characters beyond the first plane are never cut in two", () => {
  const tokenizer = open("chatml");
  const text = "😀😁😂".repeat(4000);
  expect(
    idsOf(
      pieceEncoder((part) => tokenizer.encode(part), small),
      cutAnywhere(text, 5, 77),
    ),
  ).toEqual(tokenizer.encode(text).ids);
});
