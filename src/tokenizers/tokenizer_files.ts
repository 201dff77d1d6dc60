import * as z from "zod";
import { AttuneError } from "../text/errors.ts";
import { excerpt } from "../text/excerpt.ts";
import { parseWith } from "../text/schema_faults.ts";
import type { AddedToken } from "./added_tokens.ts";
import { textPrefix } from "./post_processor.ts";
import { namedTokens, type SpecialTokens } from "./special_tokens.ts";

export type { SpecialTokens } from "./special_tokens.ts";

/** What `tokenizer.json` and `tokenizer_config.json` say, checked and joined as transformers joins them. */
export interface TokenizerFiles {
  normalizer: unknown;
  preTokenizer: unknown;
  model: Record<string, unknown>;
  decoder: unknown;
  addedTokens: AddedToken[];
  specialTokens: SpecialTokens;
  /** Special tokens by the name that a chat template knows them by, such as `bos_token`. */
  namedTokens: Record<string, string>;
  /** Ids that stand before a text of its own. */
  textPrefix: number[];
}

const MAX_ID = 2 ** 31 - 1; // token ids are int32 everywhere

const Id = z.int().min(0).max(MAX_ID);
/** As in tokenizers' AddedToken, whose `normalized` follows `special` where it is left out. */
const AddedTokenFlags = z.object({
  content: z.string().min(1),
  special: z.boolean().default(false),
  normalized: z.boolean().optional(),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  single_word: z.boolean().default(false),
});
const Part = z.looseObject({ type: z.string() }).nullish();
const TokenizerJson = z.object({
  added_tokens: z.array(AddedTokenFlags.extend({ id: Id })).default([]),
  normalizer: Part,
  pre_tokenizer: Part,
  post_processor: Part,
  decoder: Part,
  model: z.looseObject({
    type: z.string().default("BPE"),
    vocab: z.unknown(),
    merges: z.unknown().optional(),
  }),
});
const TokenizerConfig = z.looseObject({
  add_bos_token: z.boolean().nullish(),
  added_tokens_decoder: z.record(z.string(), AddedTokenFlags).nullish(),
});

/**
 * @param tokenizerConfig `tokenizer_config.json`, or null where a model has none.
 * @param eosIds the model's own: the first that is a token is eos where the files name none. Templates don't see it:
 *   they get what transformers gives them.
 * @throws AttuneError naming the file and the key that is wrong.
 */
export function readTokenizerFiles(
  tokenizerJson: unknown,
  tokenizerConfig: unknown,
  eosIds: readonly number[] = [],
): TokenizerFiles {
  const json = parse("tokenizer.json", TokenizerJson, tokenizerJson);
  const config = parse("tokenizer_config.json", TokenizerConfig, tokenizerConfig ?? {});
  checkModel(json.model);
  const { named, others } = namedTokens(config);
  const eos = named.eos_token ?? tokenOf(json, eosIds);
  const addedTokens = joinAddedTokens(json, config, [
    ...Object.values(named),
    ...others,
    ...(eos ? [eos] : []),
  ]);
  return {
    normalizer: json.normalizer,
    preTokenizer: json.pre_tokenizer,
    model: json.model,
    decoder: json.decoder,
    addedTokens,
    specialTokens: {
      ...(named.bos_token && { bos: named.bos_token }),
      ...(eos && { eos }),
      ...(named.pad_token && { pad: named.pad_token }),
      ...(named.unk_token && { unk: named.unk_token }),
    },
    namedTokens: named,
    textPrefix: prefixOf(json.post_processor, config.add_bos_token === true ? named.bos_token : undefined, {
      addedTokens,
      vocab: json.model.vocab,
    }),
  };
}

/** The post-processor says it. One that writes nothing before a text leaves it to `add_bos_token`. */
function prefixOf(
  postProcessor: unknown,
  bos: string | undefined,
  { addedTokens, vocab }: { addedTokens: readonly AddedToken[]; vocab: unknown },
): number[] {
  const prefix = textPrefix(postProcessor);
  if (prefix.length > 0 || bos === undefined) return prefix;
  const id = addedTokens.find(({ content }) => content === bos)?.id ?? vocabularyIds(vocab)(bos);
  return id === undefined ? [] : [id];
}

const parse = <T>(file: string, schema: z.ZodType<T>, value: unknown): T =>
  parseWith(schema, value, { code: "tokenizers.unreadable-file", place: file });

function checkModel({ type, vocab, merges }: z.output<typeof TokenizerJson>["model"]): void {
  const fail = (problem: string) => {
    throw new AttuneError({ code: "tokenizers.unreadable-model", place: "tokenizer.json", problem });
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
      fail(`model.vocab: the id of ${JSON.stringify(token.slice(0, 100))} is no token id: ${excerpt(id)}`);
  const pair = (merge: unknown) =>
    typeof merge === "string" ||
    (Array.isArray(merge) && merge.length === 2 && merge.every((side) => typeof side === "string"));
  if (type === "BPE" && !(Array.isArray(merges) && merges.every(pair)))
    fail("model.merges: expected a list of pairs");
}

/**
 * transformers also recognises what only tokenizer_config.json names: added tokens, whose flags there win over those of
 * tokenizer.json, and the special tokens' names.
 */
function joinAddedTokens(
  json: z.output<typeof TokenizerJson>,
  config: z.output<typeof TokenizerConfig>,
  special: readonly string[],
): AddedToken[] {
  const idOf = vocabularyIds(json.model.vocab);
  const tokens = new Map(json.added_tokens.map((token) => [token.content, withFlags(token)]));
  let free = freeId(json);
  const decoder = Object.entries(config.added_tokens_decoder ?? {});
  for (const [, token] of decoder.sort(([a], [b]) => Number(a) - Number(b))) {
    const id = tokens.get(token.content)?.id ?? idOf(token.content) ?? free++;
    tokens.set(token.content, withFlags({ ...token, id: parse("tokenizer_config.json", Id, id) }));
  }
  for (const content of special) {
    const known = tokens.get(content);
    const id = known?.id ?? idOf(content);
    if (id !== undefined) tokens.set(content, { ...(known ?? PLAIN), id, content, special: true });
  }
  return [...tokens.values()];
}

const PLAIN = { normalized: false, lstrip: false, rstrip: false, single_word: false };

const withFlags = ({
  normalized,
  ...token
}: z.output<typeof AddedTokenFlags> & { id: number }): AddedToken => ({
  ...token,
  normalized: normalized ?? !token.special,
});

/** tokenizers numbers a new token from the vocabulary's size on, or after the last added token. */
function freeId({ model: { vocab }, added_tokens }: z.output<typeof TokenizerJson>): number {
  const size = Array.isArray(vocab) ? vocab.length : Object.keys(vocab as object).length;
  return added_tokens.reduce((free, { id }) => Math.max(free, id + 1), size);
}

/** The first of `ids` that is a token, as text. */
function tokenOf({ added_tokens, model: { vocab } }: z.output<typeof TokenizerJson>, ids: readonly number[]) {
  for (const wanted of ids) {
    const added = added_tokens.find(({ id }) => id === wanted)?.content;
    const own = Array.isArray(vocab)
      ? vocab[wanted]?.[0]
      : Object.entries(vocab as Record<string, number>).find(([, id]) => id === wanted)?.[0];
    if (added ?? own) return (added ?? own) as string;
  }
  return undefined;
}

function vocabularyIds(vocab: unknown): (token: string) => number | undefined {
  if (!Array.isArray(vocab))
    return (token) =>
      Object.hasOwn(vocab as object, token) ? (vocab as Record<string, number>)[token] : undefined;
  const ids = new Map(vocab.map(([token], id) => [token as string, id]));
  return (token) => ids.get(token);
}
