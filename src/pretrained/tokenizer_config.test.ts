import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { AttuneError } from "../text/errors.ts";
import { createTokenizer } from "../tokenizers/tokenizer.ts";
import { completeTokenizerConfig, eosTokenIds } from "./tokenizer_config.ts";

type Json = Record<string, unknown>;

interface Golden {
  model: string;
  files: Record<
    "tokenizer_config.json" | "special_tokens_map.json" | "added_tokens.json" | "config.json",
    Json | null
  >;
  named: Record<string, string>;
  others: string[];
}

const rows: Golden[] = JSON.parse(
  readFileSync(new URL("goldens/special_tokens.json", import.meta.url), "utf8"),
);
const models = new URL("../../test/cases/models/", import.meta.url);
const tokenizerOf = (model: string) =>
  JSON.parse(readFileSync(new URL(`${model}/tokenizer.json`, models), "utf8"));

const filesOf = (tokenizerJson: unknown, files: Partial<Golden["files"]>) => ({
  tokenizerJson,
  tokenizerConfig: files["tokenizer_config.json"] ?? {},
  specialTokensMap: files["special_tokens_map.json"] ?? {},
  addedTokens: files["added_tokens.json"] ?? {},
  config: files["config.json"] ?? {},
  generationConfig: {},
});

test("special tokens are those that transformers' AutoTokenizer finds", () => {
  for (const { model, files, named, others } of rows) {
    const tokenizerJson = tokenizerOf(model);
    const tokenizer = createTokenizer(tokenizerJson, completeTokenizerConfig(filesOf(tokenizerJson, files)));
    const found = Object.entries(tokenizer.namedTokens).filter(
      ([, token]) => tokenizer.idOf(token) !== undefined,
    );
    expect(Object.fromEntries(found), JSON.stringify(files)).toEqual(named);
    for (const token of [...Object.values(named), ...others])
      expect(tokenizer.isSpecial(tokenizer.idOf(token)!), token).toBe(true);
  }
});

describe("the model's own eos", () => {
  const { added_tokens, ...rest } = tokenizerOf("gpt2");
  const open = (config: Json, eosIds: number[]) => createTokenizer({ ...rest, added_tokens }, config, eosIds);

  test("is that of generation_config.json, else of config.json", () => {
    const config = { eos_token_id: 1 };
    expect(eosTokenIds({ config, generationConfig: { eos_token_id: [2, 3] } })).toEqual([2, 3]);
    expect(eosTokenIds({ config, generationConfig: {} })).toEqual([1]);
    expect(eosTokenIds({ config: {}, generationConfig: { eos_token_id: null } })).toEqual([]);
    expect(eosTokenIds({ config: { eos_token_id: "x" }, generationConfig: {} })).toEqual([]);
  });

  test("ends texts where the files name none, and is no variable of templates", () => {
    const { specialTokens, namedTokens } = open({}, [5000, 511]);
    expect(specialTokens.eos).toBe("<|endoftext|>");
    expect(namedTokens).toEqual({});
    expect(open({ eos_token: "a" }, [511]).specialTokens.eos).toBe("a");
    expect(open({}, [5000]).specialTokens.eos).toBeUndefined();
  });

  test("is a token of its own, though tokenizer.json has it among the words alone", () => {
    const word: number = rest.model.vocab.Ġthe;
    const tokenizer = open({}, [word]);
    expect(tokenizer.encode(tokenizer.specialTokens.eos!).ids).toEqual([word]);
    expect(tokenizer.isSpecial(word)).toBe(true);
  });
});

test("a file that is wrong is named", () => {
  const json = tokenizerOf("gpt2");
  const complete = (files: Partial<Golden["files"]>) => () =>
    createTokenizer(json, completeTokenizerConfig(filesOf(json, files)));
  expect(complete({ "added_tokens.json": { "<x>": -1 } })).toThrow(AttuneError);
  expect(complete({ "added_tokens.json": { "<x>": "1" } })).toThrow(
    /^added_tokens\.json: "<x>": expected a token id/,
  );
  expect(complete({ "tokenizer_config.json": { eos_token: 5 } })).toThrow(
    /^tokenizer_config\.json: eos_token: expected a token.*got 5/,
  );
  expect(complete({ "tokenizer_config.json": { extra_special_tokens: "<x>" } })).toThrow(
    /extra_special_tokens: expected a list/,
  );
  expect(complete({ "tokenizer_config.json": { extra_special_tokens: { a: [] } } })).toThrow(
    /extra_special_tokens\.a: expected a token/,
  );
});
