import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { AttuneError } from "../text/errors.ts";
import { checkVocabulary } from "./check_vocabulary.ts";
import { streamDecoder } from "./stream_decoder.ts";
import { createTokenizer } from "./tokenizer.ts";
import { trainTokenizer } from "./train.ts";

interface Case {
  text: string;
  ids: number[];
  offsets: [number, number][];
  decoded: string;
  withoutSpecial: string;
}
interface Kind {
  json: Record<string, unknown> & { model: Record<string, unknown>; added_tokens: unknown[] };
  cases: Case[];
}

const golden = JSON.parse(readFileSync(new URL("./goldens/encode.json", import.meta.url), "utf8"));
const kinds: Record<string, Kind> = golden.kinds;

describe.each(Object.entries(kinds))("%s", (_, { json, cases }) => {
  const tokenizer = createTokenizer(json, null);

  test.each(cases)("ids, offsets and text of $text are Hugging Face's", (expected) => {
    const { ids, offsets } = tokenizer.encode(expected.text);
    expect(ids).toEqual(expected.ids);
    expect(offsets).toEqual(expected.offsets.map((span) => withMarks(expected.text, span)));
    expect(tokenizer.decode(ids)).toBe(expected.decoded);
    expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(expected.withoutSpecial);
  });

  /** Where NFC joins characters, tokenizers names the first of them, attune all. */
  function withMarks(text: string, [start, end]: [number, number]): [number, number] {
    if (start === end || !JSON.stringify(json.normalizer).includes('C"')) return [start, end];
    const joined = /^[\u0300-\u036f\u1160-\u11ff]*/.exec(text.slice(end))![0];
    return [start, end + joined.length];
  }

  test.each(cases)("streaming $text gives the same text, no half characters", ({ ids, decoded }) => {
    const stream = streamDecoder(tokenizer);
    const parts = ids.map((id) => stream.push(id));
    expect(parts.join("") + stream.flush()).toBe(decoded);
    expect(parts.join("")).not.toContain("\ufffd");
  });
});

describe("added tokens", () => {
  const { json } = kinds.gpt2!;

  test("named in tokenizer_config.json alone are recognised, as transformers does", () => {
    const config = {
      eos_token: "hello",
      pad_token: { content: "<|im_end|>" },
      bos_token: null,
      added_tokens_decoder: { "900": { content: "<new>", special: false } },
    };
    const tokenizer = createTokenizer(json, config);
    expect(tokenizer.specialTokens).toEqual({ eos: "hello", pad: "<|im_end|>" });
    const hello = tokenizer.idOf("hello")!;
    const free = createTokenizer(json, null).vocabSize; // tokenizers numbers new tokens itself
    expect(tokenizer.encode("<new>hello").ids).toEqual([free, hello]);
    expect(tokenizer.isSpecial(hello)).toBe(true);
    expect(tokenizer.isSpecial(free)).toBe(false);
    expect(tokenizer.isAdded(free)).toBe(true);
    expect(tokenizer.vocabSize).toBe(free + 1);
  });

  test("a special token outside the vocabulary has no id", () => {
    const tokenizer = createTokenizer(json, { pad_token: "[PAD]" });
    expect(tokenizer.specialTokens.pad).toBe("[PAD]");
    expect(tokenizer.idOf("[PAD]")).toBeUndefined();
  });

  test("ids without a token decode to nothing, broken UTF-8 to U+FFFD", () => {
    const tokenizer = createTokenizer(json, null);
    const [first] = tokenizer.encode("龘").ids;
    expect(tokenizer.decode([100_000, ...tokenizer.encode("a").ids, first!])).toBe("a\ufffd");
    const stream = streamDecoder(tokenizer);
    expect([stream.push(first!), stream.flush()]).toEqual(["", "\ufffd"]);
  });
});

describe("a tokenizer this project trained", () => {
  const json = trainTokenizer(["abc abc 123 你好你好"], { vocabSize: 300, specialTokens: ["<|im_end|>"] });
  const tokenizer = createTokenizer(json, { eos_token: "<|im_end|>" });

  test.each(["abc<|im_end|>\nabc", "你好 lone \ud83d surrogate?", "\r\n\t x "])(
    "encodes and decodes %j",
    (text) => {
      const { ids, offsets } = tokenizer.encode(text);
      expect(tokenizer.decode(ids)).toBe(text.replace("\ud83d", "\ufffd"));
      expect(offsets.at(-1)![1]).toBe(text.length);
    },
  );
});

describe("checkVocabulary", () => {
  const tokenizer = createTokenizer(kinds.gpt2!.json, null);

  test("a padded embedding is fine, a smaller one is not", () => {
    checkVocabulary(tokenizer, tokenizer.vocabSize);
    checkVocabulary(tokenizer, tokenizer.vocabSize + 64);
    expect(() => checkVocabulary(tokenizer, tokenizer.vocabSize - 1)).toThrow(
      /vocab_size.*"word"|"word".*vocab_size/,
    );
  });
});

describe("broken files", () => {
  const { json } = kinds.gpt2!;
  const model = (change: object) => ({ ...json, model: { ...json.model, ...change } });

  test.each<[string, unknown, RegExp]>([
    ["no object", [], /tokenizer\.json: expected an object/],
    ["no model", {}, /tokenizer\.json: model/],
    ["a foreign model", model({ type: "WordPiece" }), /BPE or Unigram.*WordPiece/],
    ["an id that is none", model({ vocab: { a: -1 } }), /id of "a"/],
    ["a vocabulary that is a list", model({ vocab: ["a"] }), /model\.vocab/],
    ["merges that are none", model({ merges: [["a"]] }), /model\.merges/],
    ["word endings", model({ end_of_word_suffix: "</w>" }), /end_of_word_suffix/],
    [
      "a foreign normalizer",
      { ...json, normalizer: { type: "BertNormalizer" } },
      /normalizer "BertNormalizer"/,
    ],
    [
      "a foreign pre-tokenizer",
      { ...json, pre_tokenizer: { type: "Whitespace" } },
      /pre-tokenizer "Whitespace"/,
    ],
    ["a foreign decoder", { ...json, decoder: { type: "WordPiece" } }, /decoder "WordPiece"/],
    ["no decoder", { ...json, decoder: null }, /no decoder/],
    [
      "a pattern that is none",
      { ...json, pre_tokenizer: { type: "Split", pattern: { Regex: "(" }, behavior: "Isolated" } },
      /pattern/,
    ],
    [
      "an added token without content",
      { ...json, added_tokens: [{ id: 1, content: "" }] },
      /added_tokens\.0/,
    ],
  ])("%s: an error that says where", (_, broken, message) => {
    expect(() => createTokenizer(broken, null)).toThrow(AttuneError);
    expect(() => createTokenizer(broken, null)).toThrow(message);
  });

  test("a character the vocabulary can't spell is an error, not a loss", () => {
    const tokenizer = createTokenizer(model({ vocab: { a: 0 }, merges: [] }), null);
    expect(() => tokenizer.encode("ab")).toThrow(/don't spell "b"/);
  });

  test("keys named __proto__ are only tokens", () => {
    const vocab = JSON.parse('{"a": 0, "__proto__": 1, "constructor": 2}');
    const tokenizer = createTokenizer(
      model({ vocab, merges: [] }),
      JSON.parse('{"__proto__": {"eos_token": "a"}}'),
    );
    expect(tokenizer.idOf("__proto__")).toBe(1);
    expect(tokenizer.specialTokens).toEqual({});
  });
});
