import * as z from "zod";
import { AttuneError } from "../text/errors.ts";
import type { AddedToken } from "./added_tokens.ts";

export interface SpecialTokens {
  bos?: string;
  eos?: string;
  pad?: string;
  unk?: string;
}

/** What `tokenizer.json` and `tokenizer_config.json` say, checked and joined as transformers joins them. */
export interface TokenizerFiles {
  normalizer: unknown;
  preTokenizer: unknown;
  model: Record<string, unknown>;
  decoder: unknown;
  addedTokens: AddedToken[];
  specialTokens: SpecialTokens;
}

const MAX_ID = 2 ** 31 - 1; // token ids are int32 everywhere

const Id = z.int().min(0).max(MAX_ID);
const AddedTokenFlags = z.object({
  content: z.string().min(1),
  special: z.boolean().default(false),
  normalized: z.boolean().default(true),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  single_word: z.boolean().default(false),
});
const Part = z.looseObject({ type: z.string() }).nullish();
const TokenizerJson = z.object({
  added_tokens: z.array(AddedTokenFlags.extend({ id: Id })).default([]),
  normalizer: Part,
  pre_tokenizer: Part,
  decoder: Part,
  model: z.looseObject({
    type: z.string().default("BPE"),
    vocab: z.unknown(),
    merges: z.unknown().optional(),
  }),
});

const NamedToken = z
  .union([z.string(), z.looseObject({ content: z.string() }).transform((token) => token.content)])
  .nullish();
const TokenizerConfig = z.looseObject({
  bos_token: NamedToken,
  eos_token: NamedToken,
  pad_token: NamedToken,
  unk_token: NamedToken,
  additional_special_tokens: z.array(NamedToken).nullish(),
  added_tokens_decoder: z.record(z.string(), AddedTokenFlags).nullish(),
});

/**
 * @param tokenizerConfig `tokenizer_config.json`, or null where a model has none.
 * @throws AttuneError naming the file and the key that is wrong.
 */
export function readTokenizerFiles(tokenizerJson: unknown, tokenizerConfig: unknown): TokenizerFiles {
  const json = parse("tokenizer.json", TokenizerJson, tokenizerJson);
  const config = parse("tokenizer_config.json", TokenizerConfig, tokenizerConfig ?? {});
  checkModel(json.model);
  return {
    normalizer: json.normalizer,
    preTokenizer: json.pre_tokenizer,
    model: json.model,
    decoder: json.decoder,
    addedTokens: joinAddedTokens(json, config),
    specialTokens: {
      ...(config.bos_token && { bos: config.bos_token }),
      ...(config.eos_token && { eos: config.eos_token }),
      ...(config.pad_token && { pad: config.pad_token }),
      ...(config.unk_token && { unk: config.unk_token }),
    },
  };
}

function parse<T extends z.ZodType>(file: string, schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  throw new AttuneError(`${file}: ${path.map(String).join(".") || "the file"}: ${message}`);
}

function checkModel({ type, vocab, merges }: z.output<typeof TokenizerJson>["model"]): void {
  const fail = (what: string) => {
    throw new AttuneError(`tokenizer.json: ${what}`);
  };
  if (type === "Unigram") {
    const scored = (entry: unknown) =>
      Array.isArray(entry) && typeof entry[0] === "string" && typeof entry[1] === "number";
    if (!Array.isArray(vocab) || vocab.length === 0 || !vocab.every(scored))
      fail("model.vocab: expected a list of [token, score]");
    return;
  }
  if (typeof vocab !== "object" || vocab === null || Array.isArray(vocab))
    fail("model.vocab: expected an object of token ids");
  for (const [token, id] of Object.entries(vocab as object))
    if (!Number.isInteger(id) || id < 0 || id > MAX_ID)
      fail(`model.vocab: the id of ${JSON.stringify(token)} is no token id: ${JSON.stringify(id)}`);
  const pair = (merge: unknown) =>
    typeof merge === "string" ||
    (Array.isArray(merge) && merge.length === 2 && merge.every((side) => typeof side === "string"));
  if (type === "BPE" && !(Array.isArray(merges) && merges.every(pair)))
    fail("model.merges: expected a list of pairs");
}

/** transformers also recognises what only tokenizer_config.json names: added tokens, and the special tokens' names. */
function joinAddedTokens(
  json: z.output<typeof TokenizerJson>,
  config: z.output<typeof TokenizerConfig>,
): AddedToken[] {
  const tokens = new Map<string, AddedToken>(json.added_tokens.map((token) => [token.content, token]));
  for (const [id, token] of Object.entries(config.added_tokens_decoder ?? {}))
    if (!tokens.has(token.content))
      tokens.set(token.content, { ...token, id: parse("tokenizer_config.json", Id, Number(id)) });
  for (const content of namedTokens(config)) {
    const known = tokens.get(content);
    const id = known?.id ?? vocabularyId(json.model.vocab, content);
    if (id !== undefined) tokens.set(content, { ...(known ?? PLAIN), id, content, special: true });
  }
  return [...tokens.values()];
}

const PLAIN = { normalized: false, lstrip: false, rstrip: false, single_word: false };

function namedTokens(config: z.output<typeof TokenizerConfig>): string[] {
  const { bos_token, eos_token, pad_token, unk_token, additional_special_tokens } = config;
  const names = [bos_token, eos_token, pad_token, unk_token, ...(additional_special_tokens ?? [])];
  return names.filter((name): name is string => typeof name === "string" && name !== "");
}

function vocabularyId(vocab: unknown, token: string): number | undefined {
  if (Array.isArray(vocab)) {
    const id = vocab.findIndex(([piece]) => piece === token);
    return id < 0 ? undefined : id;
  }
  return Object.hasOwn(vocab as object, token) ? (vocab as Record<string, number>)[token] : undefined;
}
