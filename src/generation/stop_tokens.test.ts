import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { alpacaTemplate, chatTemplate } from "../templates/template.ts";
import { goldenPath } from "../testing/goldens.ts";
import { createTokenizer } from "../tokenizers/tokenizer.ts";
import { endOfTurn, eosTokens } from "./stop_tokens.ts";

const read = (file: string) => readFileSync(goldenPath(`models/llama-gqa/${file}`), "utf8");
const tokenizerOf = (eos_token: string) => createTokenizer(JSON.parse(read("tokenizer.json")), { eos_token });
const [END_OF_TEXT, IM_END] = [317, 319];

describe("eosTokens", () => {
  const tokenizer = tokenizerOf("<|im_end|>");

  test("are those of generation_config.json, config.json and the tokenizer, one or several", () => {
    const eos = eosTokens(
      { generationConfig: { eos_token_id: [5, 6] }, config: { eos_token_id: 7 } },
      tokenizer,
    );
    expect(eos).toEqual(new Set([5, 6, 7, IM_END]));
    expect(eosTokens({ generationConfig: {}, config: { eos_token_id: null } }, tokenizer)).toEqual(
      new Set([IM_END]),
    );
  });

  test("that are no token ids are refused", () => {
    const wrong = { generationConfig: { eos_token_id: "</s>" }, config: {} };
    expect(() => eosTokens(wrong, tokenizer)).toThrow(/generation_config.json: eos_token_id: .*"<\/s>"/);
  });
});

describe("endOfTurn", () => {
  const tokenizer = tokenizerOf("<|endoftext|>");
  const messages = [{ role: "user", content: "attune?" }] as const;

  test("is what the template ends an answer with, when the tokenizer's eos is another token", () => {
    const template = chatTemplate(read("chat_template.jinja"), tokenizer.specialTokens);
    expect(endOfTurn({ messages }, template, tokenizer)).toBe(IM_END);
    expect(endOfTurn({ messages }, alpacaTemplate("<|endoftext|>"), tokenizer)).toBe(END_OF_TEXT);
  });

  test("is what begins the next turn where the template ends no answer", () => {
    const source = "{% for m in messages %}{{ '<|im_end|>' if m.role == 'user' }}{{ m.content }}{% endfor %}";
    expect(endOfTurn({ messages }, chatTemplate(source, {}), tokenizer)).toBe(IM_END);
  });

  test("is nothing where the template writes no token after an answer", () => {
    const source = "{% for m in messages %}{{ m.content }}\n{% endfor %}";
    expect(endOfTurn({ messages }, chatTemplate(source, {}), tokenizer)).toBeUndefined();
  });
});
