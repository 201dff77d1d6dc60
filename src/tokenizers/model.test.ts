import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { AttuneError } from "../text/errors.ts";
import { createModel } from "./model.ts";

interface Kind {
  json: { model: Record<string, unknown> & { vocab: Record<string, number>; merges: [string, string][] } };
}
const golden = JSON.parse(readFileSync(new URL("./goldens/encode.json", import.meta.url), "utf8"));
const kinds: Record<string, Kind> = golden.kinds;

function encode(config: Record<string, unknown>, piece: string): [id: number, from: number, to: number][] {
  const tokens: [number, number, number][] = [];
  createModel(config).encode(piece, (...token) => tokens.push(token));
  return tokens;
}

const letters = { a: 0, b: 1, c: 2, ab: 3, abc: 4, cab: 5, "<unk>": 6, "😀": 7 };
const bpe = { type: "BPE", vocab: letters, merges: ["a b", "ab c"] };

describe("byte-pair encoding", () => {
  test("a piece that is a token is that token, where merges are to be ignored; part of one is not", () => {
    const ignoring = { ...bpe, ignore_merges: true };
    expect(encode(ignoring, "cab")).toEqual([[5, 0, 3]]);
    expect(encode(bpe, "cab").map(([id]) => id)).toEqual([2, 3]);
    const long = `${"cab".repeat(40)}`;
    expect(encode(ignoring, long).map(([id]) => id)).not.toContain(5);
    expect(encode({ ...ignoring, vocab: { ...letters, [long]: 9 } }, long)).toEqual([[9, 0, 120]]);
  });

  test("a long piece is what it is without being cut, at every length", () => {
    const model = createModel(kinds.llama2!.json.model);
    const words = "▁the▁thesis▁they're▁你好世界▁😀😀▁x\u00e9\u0301▁▁▁hello▁\n\n▁龘龘龘▁world";
    const text = words.repeat(5);
    for (let length = 1; length < text.length; length += 7) {
      const piece = text.slice(0, length);
      if (/[\ud800-\udbff]$/.test(piece)) continue;
      const cut: number[] = [];
      model.encode(piece, (id) => cut.push(id));
      expect(cut).toEqual(whole(kinds.llama2!.json.model, piece));
    }
  });

  test("unknown characters are one token across a cut", () => {
    const fused = { ...bpe, unk_token: "<unk>", fuse_unk: true };
    expect(encode(fused, `a${"xyz".repeat(30)}b`)).toEqual([
      [0, 0, 1],
      [6, 1, 91],
      [1, 91, 92],
    ]);
  });

  test.each<[string, object, RegExp]>([
    ["a merge of three", { merges: ["a b c"] }, /model\.merges\[0\]: expected two tokens/],
    ["a merge of one", { merges: ["ab"] }, /model\.merges\[0\]: expected two tokens/],
    ["a merge of nothing", { merges: [["", "a"]] }, /model\.merges\[0\]: expected two tokens/],
    ["a merge whose token is missing", { merges: ["b c"] }, /model\.merges\[0\]: the token "bc" isn't in/],
    ["a huge id", { vocab: { ...letters, z: 2 ** 31 - 1 } }, /model\.vocab: expected ids below/],
    ["millions of merges", { merges: new Array(2 ** 22 + 1).fill("a b") }, /model\.merges: expected at most/],
  ])("%s is an error", (_, change, message) => {
    expect(() => createModel({ ...bpe, ...change })).toThrow(AttuneError);
    expect(() => createModel({ ...bpe, ...change })).toThrow(message);
  });
});

/** By the definition, over the whole piece: join the leftmost pair of the earliest merge, look again. */
function whole({ vocab, merges }: Kind["json"]["model"], piece: string): number[] {
  const ranks = new Map(merges.map((merge, rank) => [merge.join("\0"), rank]));
  let parts = Array.from(piece);
  for (;;) {
    const found = parts
      .slice(1)
      .map((part, i) => ranks.get(`${parts[i]}\0${part}`) ?? Number.POSITIVE_INFINITY);
    const best = Math.min(...found);
    if (best === Number.POSITIVE_INFINITY) break;
    const at = found.indexOf(best);
    parts = [...parts.slice(0, at), parts[at]! + parts[at + 1]!, ...parts.slice(at + 2)];
  }
  const bytes = (char: string) =>
    [...new TextEncoder().encode(char)].map(
      (byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`,
    );
  return parts
    .flatMap((part) => (Object.hasOwn(vocab, part) ? [part] : bytes(part)))
    .map((part) => vocab[part]!);
}

describe("unigram", () => {
  const vocab = [
    ["<unk>", 0],
    ["a", -1],
    ["b", -1],
    ["ab", -3],
    ["abc", -2],
    ["c", -1],
    ["bc", -1.5],
    ["a", -9],
  ];
  const unigram = { type: "Unigram", unk_id: 0, vocab };

  test("the spelling of the highest score, the first found among equals", () => {
    expect(encode(unigram, "abc").map(([id]) => id)).toEqual([4]);
    expect(encode(unigram, "bca").map(([id]) => id)).toEqual([6, 7]); // of two tokens "a" the last one
  });

  test("unknown characters in a row are one token, or their bytes", () => {
    expect(encode(unigram, "axyb")).toEqual([
      [7, 0, 1],
      [0, 1, 3],
      [2, 3, 4],
    ]);
    const bytes = [...vocab, ["<0x78>", -9], ["<0x79>", -9]];
    expect(encode({ ...unigram, vocab: bytes, byte_fallback: true }, "axyb").map(([id]) => id)).toEqual([
      7, 8, 9, 2,
    ]);
    expect(() => encode({ ...unigram, unk_id: null }, "axb")).toThrow(/don't spell "x"/);
  });

  test("a long text against long tokens takes time that grows with the text", () => {
    const long = Array.from({ length: 200 }, (_, i) => ["a".repeat(i + 1), -1]);
    expect(encode({ ...unigram, vocab: [["<unk>", 0], ...long] }, "a".repeat(20_000))).toHaveLength(100);
  });

  test("a vocabulary of more characters than can be looked up is refused", () => {
    const large = [...vocab, ["x".repeat(2 ** 22), -1]];
    expect(() => createModel({ ...unigram, vocab: large })).toThrow(/more than \d+ characters together/);
  });
});
