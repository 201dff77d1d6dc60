import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { AttuneError } from "../text/errors.ts";
import { textPrefix } from "./post_processor.ts";
import { createTokenizer } from "./tokenizer.ts";

const A = { Sequence: { id: "A", type_id: 0 } };
const token = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
const template = (before: string[], after: string[] = []) => ({
  type: "TemplateProcessing",
  single: [...before.map(token), A, ...after.map(token)],
  pair: [],
  special_tokens: {
    x: { id: "x", ids: [100], tokens: ["x"] },
    two: { id: "two", ids: [200, 201], tokens: ["a", "b"] },
  },
});
const sequence = (...processors: unknown[]) => ({ type: "Sequence", processors });

describe("what a post-processor writes before a text", () => {
  // As tokenizers 0.23.2 encodes.
  test.each<[string, unknown, number[]]>([
    ["nothing", null, []],
    ["offsets only", { type: "ByteLevel", trim_offsets: false }, []],
    ["no template tokens", template([]), []],
    ["a BOS", template(["x"]), [100]],
    ["two tokens of one name", template(["two"]), [200, 201]],
    ["an end is left out", template(["x"], ["two"]), [100]],
    ["only an end", template([], ["x"]), []],
    ["a sequence", sequence({ type: "ByteLevel" }, template(["x"])), [100]],
    ["the later in front", sequence(template(["x"]), template(["two"])), [200, 201, 100]],
    ["Bert's", { type: "BertProcessing", sep: ["</s>", 2], cls: ["<s>", 7] }, [7]],
    ["Roberta's", { type: "RobertaProcessing", sep: ["</s>", 2], cls: ["<s>", 0] }, [0]],
  ])("%s", (_, config, ids) => {
    expect(textPrefix(config)).toEqual(ids);
  });

  let nested: unknown = template(["x"]);
  for (let depth = 0; depth < 100_000; depth++) nested = sequence(nested);
  test.each<[unknown, RegExp]>([
    [
      { type: "Other" },
      /^tokenizer\.json: post_processor\.type: expected one of TemplateProcessing.*"Other"/,
    ],
    [{ ...template([]), single: "x $A" }, /post_processor\.single: expected the text/],
    [{ ...template([]), single: [A, A] }, /post_processor\.single/],
    [{ ...template(["x"]), special_tokens: {} }, /special_tokens\.x: expected token ids, got nothing/],
    [template(["constructor"]), /special_tokens\.constructor/],
    [{ ...template(["x"]), special_tokens: { x: { ids: [-1] } } }, /special_tokens\.x/],
    [{ type: "BertProcessing" }, /post_processor\.cls/],
    [nested, /Sequences in each other/],
  ])("what is broken is refused: %#", (config, message) => {
    expect(() => textPrefix(config)).toThrow(AttuneError);
    expect(() => textPrefix(config)).toThrow(message);
  });
});

describe("encode with the BOS", () => {
  const json = JSON.parse(
    readFileSync(new URL("../../test/cases/models/bos/tokenizer.json", import.meta.url), "utf8"),
  );
  const config = { bos_token: "<|begin_of_text|>" };
  const plain = createTokenizer(json, config).encode("the");
  const open = (changes: object, more: object = {}) =>
    createTokenizer({ ...json, ...changes }, { ...config, ...more });

  test("puts it in front once, whoever wrote it", () => {
    const { encode } = open({});
    expect(encode("the", { addBos: true })).toEqual({
      ids: [506, ...plain.ids],
      offsets: [[0, 0], ...plain.offsets],
    });
    expect(encode("<|begin_of_text|>the", { addBos: true }).ids).toEqual([506, ...plain.ids]);
    expect(encode("", { addBos: true }).ids).toEqual([506]);
    expect(encode("the").ids).toEqual(plain.ids);
  });

  test("add_bos_token says so where the post-processor doesn't", () => {
    const idsOf = (changes: object, more: object) => open(changes, more).encode("the", { addBos: true }).ids;
    const none = { post_processor: null };
    expect(idsOf(none, { add_bos_token: true })).toEqual([506, ...plain.ids]);
    expect(idsOf(none, { add_bos_token: false })).toEqual(plain.ids);
    expect(idsOf(none, { add_bos_token: true, bos_token: null })).toEqual(plain.ids);
    expect(idsOf({ post_processor: { type: "ByteLevel" } }, { add_bos_token: true })[0]).toBe(506);
    expect(idsOf({}, { add_bos_token: false })[0]).toBe(506); // transformers 5: the post-processor says it
  });
});
