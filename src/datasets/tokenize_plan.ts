import { alpacaTemplate } from "../data/alpaca_template.ts";
import { chatTemplate } from "../data/chat_template.ts";
import type { TokenizeOptions } from "../data/tokenize_example.ts";
import { createTokenizer } from "../tokenizers/tokenizer.ts";

/** How examples become tokens, as plain data: what a worker is told, and what a cache is keyed on. */
export interface TokenizePlan {
  /** Parsed `tokenizer.json` and `tokenizer_config.json` (null where there is none). */
  tokenizerJson: unknown;
  tokenizerConfig: unknown;
  template: TemplatePlan;
  settings: Omit<TokenizeOptions, "tokenizer" | "template">;
}

export type TemplatePlan = "alpaca" | JinjaPlan;

export interface JinjaPlan {
  /** For messages to the user. */
  name: string;
  /** The Jinja template itself. */
  source: string;
  /** What `strftime_now` calls now. */
  now: Date;
}

/** @throws AttuneError when the tokenizer or the template is broken. */
export function openPlan({
  tokenizerJson,
  tokenizerConfig,
  template,
  settings,
}: TokenizePlan): TokenizeOptions {
  const tokenizer = createTokenizer(tokenizerJson, tokenizerConfig);
  const { specialTokens } = tokenizer;
  return {
    ...settings,
    tokenizer,
    template:
      template === "alpaca"
        ? alpacaTemplate(specialTokens.eos ?? "")
        : chatTemplate(template.source, specialTokens, template),
  };
}
