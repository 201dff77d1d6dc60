import { makeTemplate, type TemplatePlan } from "../../templates/template.ts";
import { createTokenizer } from "../../tokenizers/tokenizer.ts";
import type { TokenizeOptions } from "./tokenize_example.ts";

/** How examples become tokens, as plain data: what a worker gets, and what a cache is keyed on. */
export interface TokenizePlan {
  /** Parsed `tokenizer.json` and `tokenizer_config.json` (null where there is none). */
  tokenizerJson: unknown;
  tokenizerConfig: unknown;
  /** The model's own eos ids, for a tokenizer that names none. */
  eosIds?: readonly number[];
  /** Those of tokens that stand for images and sound. */
  mediaIds?: readonly number[];
  template: TemplatePlan;
  settings: Omit<TokenizeOptions, "tokenizer" | "template">;
}

/** @throws AttuneError when the tokenizer is broken. */
export function openPlan({
  tokenizerJson,
  tokenizerConfig,
  eosIds,
  mediaIds,
  template,
  settings,
}: TokenizePlan): TokenizeOptions {
  const tokenizer = createTokenizer(tokenizerJson, tokenizerConfig, eosIds, mediaIds);
  return { ...settings, tokenizer, template: makeTemplate(template, tokenizer) };
}
