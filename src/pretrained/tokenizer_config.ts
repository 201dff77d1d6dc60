import { AttuneError } from "../text/errors.ts";
import { excerpt } from "../text/excerpt.ts";
import { extraTokens, SPECIAL_TOKEN_KEYS } from "../tokenizers/special_tokens.ts";
import type { ModelDirectory } from "./model_folder.ts";
import { classDefaults } from "./tokenizer_classes.ts";

type Json = Record<string, unknown>;
type Files = Pick<
  ModelDirectory,
  "config" | "tokenizerJson" | "tokenizerConfig" | "specialTokensMap" | "addedTokens"
>;

/**
 * tokenizer_config.json as transformers completes it: without `added_tokens_decoder`, special_tokens_map.json wins over
 * it and added_tokens.json adds tokens; special tokens that no file mentions are the tokenizer class's, as far as the
 * vocabulary has them.
 */
export function completeTokenizerConfig(files: Files): Json {
  const { config, tokenizerConfig, tokenizerJson } = files;
  const own = tokenizerConfig.added_tokens_decoder ? tokenizerConfig : withOlderFiles(files);
  const defaults = classDefaults(
    config.model_type,
    tokenizerConfig.tokenizer_class ?? config.tokenizer_class,
  );
  const known = tokensOf(tokenizerJson);
  const missing = Object.entries(defaults).filter(([key, token]) => !Object.hasOwn(own, key) && known(token));
  return { ...Object.fromEntries(missing), ...own };
}

function withOlderFiles({ tokenizerConfig, specialTokensMap, addedTokens }: Files): Json {
  const merged: Json = { ...tokenizerConfig };
  const [first] = extraTokens(tokenizerConfig);
  if (first?.[0] === "additional_special_tokens") {
    merged.extra_special_tokens = first[1];
    delete merged.additional_special_tokens;
  }
  const extra = listOf(merged.extra_special_tokens);
  for (const [key, value] of Object.entries(specialTokensMap))
    merged[key] = key === "extra_special_tokens" && Array.isArray(value) ? [...extra, ...value] : value;
  const special = specialContents(merged);
  const decoder = Object.entries(addedTokens).map(([content, id]) => {
    if (!Number.isInteger(id) || (id as number) < 0)
      throw new AttuneError({
        code: "pretrained.wrong-added-tokens",
        place: `added_tokens.json: ${excerpt(content)}`,
        expected: "a token id",
        got: excerpt(id),
      });
    return [String(id), { content, special: special.has(content) }];
  });
  return { ...merged, added_tokens_decoder: Object.fromEntries(decoder) };
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

function specialContents(config: Json): Set<unknown> {
  const tokens = [...SPECIAL_TOKEN_KEYS.map((key) => config[key]), ...listOf(config.extra_special_tokens)];
  return new Set(tokens.map((token) => (token as { content?: unknown } | null)?.content ?? token));
}

/** Whether a token is in the vocabulary, or added to it. */
function tokensOf(tokenizerJson: unknown): (token: string) => boolean {
  const { added_tokens, model } = (tokenizerJson ?? {}) as {
    added_tokens?: unknown;
    model?: { vocab?: unknown };
  };
  const added = new Set(
    listOf(added_tokens).map((token) => (token as { content?: unknown } | null)?.content),
  );
  const vocab = model?.vocab;
  const has = (token: string) =>
    Array.isArray(vocab)
      ? vocab.some((entry) => Array.isArray(entry) && entry[0] === token)
      : typeof vocab === "object" && vocab !== null && Object.hasOwn(vocab, token);
  return (token) => added.has(token) || has(token);
}

/** The model's own eos, as transformers' generation takes it: of generation_config.json, else of config.json. */
export function eosTokenIds({
  config,
  generationConfig,
}: {
  config: Json;
  generationConfig?: Json;
}): number[] {
  const ids = [generationConfig?.eos_token_id ?? config.eos_token_id ?? []].flat();
  return ids.filter((id): id is number => Number.isInteger(id));
}
