/** A tokenizer as GGUF's metadata: tokens with their kinds and scores, merges, special tokens. */
import { AttuneError } from "../../text/errors.ts";
import { excerpt } from "../../text/excerpt.ts";
import { type Merge, splitMerge } from "../../tokenizers/bpe.ts";
import { createModel } from "../../tokenizers/model.ts";
import { flattenSequence } from "../../tokenizers/sequence.ts";
import { readTokenizerFiles, type TokenizerFiles } from "../../tokenizers/tokenizer_files.ts";
import { f32s, flagValue, type GgufValue, i32s, texts, textValue, u32 } from "./gguf_header.ts";
import { preTokenizerName } from "./pre_tokenizers.ts";

export interface TokenizerSources {
  tokenizerJson: unknown;
  tokenizerConfig: Record<string, unknown>;
  /** Ids that end what the model writes, by generation_config.json or config.json. */
  eosIds: readonly number[];
  /** Rows of the embedding: rows without a token get a name all the same. */
  vocabSize: number;
  /** `bos_token_id` of config.json, for a tokenizer that names none. */
  bosId?: unknown;
  /** What llama.cpp does a little otherwise. */
  onWarning?: (text: string) => void;
}

/** llama.cpp's kinds of tokens. */
const NORMAL = 1;
const UNKNOWN = 2;
const CONTROL = 3;
const USER_DEFINED = 4;
const UNUSED = 5;
const BYTE = 6;

type Entries = [string, GgufValue][];

/** @throws AttuneError when llama.cpp would cut text otherwise, or finds no end of text. */
export function tokenizerMetadata(sources: TokenizerSources): Entries {
  const files = readTokenizerFiles(sources.tokenizerJson, sources.tokenizerConfig, sources.eosIds);
  const isByteLevel = stepsOf(files.preTokenizer).some(({ type }) => type === "ByteLevel");
  if (files.model.type === "Unigram") throw unknownTokenizer("model.type", "a BPE model", files.model.type);
  const tokens = tokenList(files, sources.vocabSize);
  const own = isByteLevel ? byteLevel(files) : sentencePiece(files, tokens);
  if (!isByteLevel && stepsOf(files.preTokenizer)[0]?.type === "Metaspace")
    sources.onWarning?.(
      "tokenizer.json: llama.cpp puts a space before every text, also before one that begins with a space, where this tokenizer puts none",
    );
  const kinds = tokens.map(({ kind }) => kind);
  return [
    ...own.entries,
    ["tokenizer.ggml.tokens", texts(tokens.map(({ content }) => own.written(content)))],
    ["tokenizer.ggml.token_type", i32s(kinds)],
    ...own.after,
    ...specialTokens(files, sources, tokens),
  ];
}

interface Token {
  content: string;
  kind: number;
  /** An added token that is looked for in the normalized text. */
  normalized?: boolean;
}

/** By id; ids without a token are padding. */
function tokenList({ model, addedTokens, specialTokens }: TokenizerFiles, size: number): Token[] {
  const tokens: (Token | undefined)[] = Array.from({ length: size });
  for (const [content, id] of Object.entries(model.vocab as Record<string, number>)) {
    const isByte = model.byte_fallback === true && /^<0x[0-9A-F]{2}>$/.test(content);
    const isUnknown = model.byte_fallback === true && content === (model.unk_token ?? specialTokens.unk);
    tokens[id] = { content, kind: isByte ? BYTE : isUnknown ? UNKNOWN : NORMAL };
  }
  for (const { id, content, special, normalized } of addedTokens) {
    const isUnknown = tokens[id]?.kind === UNKNOWN;
    tokens[id] = { content, kind: isUnknown ? UNKNOWN : special ? CONTROL : USER_DEFINED, normalized };
  }
  const taken = new Set(tokens.map((token) => token?.content));
  return tokens.map((token, id) => token ?? { content: paddingName(id, taken), kind: UNUSED });
}

function paddingName(id: number, taken: ReadonlySet<string | undefined>): string {
  let name = `[PAD${id}]`;
  while (taken.has(name)) name = `[${name}]`;
  return name;
}

interface Own {
  /** Before the list of tokens, and after it. */
  entries: Entries;
  after: Entries;
  written: (content: string) => string;
}

function byteLevel(files: TokenizerFiles): Own {
  requireNormalizer(files, ["NFC"]);
  const { model } = files;
  const known = preTokenizerName(files.preTokenizer, model.ignore_merges === true);
  if (!known)
    throw unknownTokenizer(
      "pre_tokenizer",
      "a pre-tokenizer that llama.cpp has under a name",
      files.preTokenizer,
    );
  if (known.ignoresMerges !== (model.ignore_merges === true)) requireMergesReach(model, known.name);
  const merges = (model.merges as Merge[]).map((merge) => splitMerge(merge).join(" "));
  return {
    entries: [
      ["tokenizer.ggml.model", textValue("gpt2")],
      ["tokenizer.ggml.pre", textValue(known.name)],
    ],
    after: [["tokenizer.ggml.merges", texts(merges)]],
    written: (content) => content,
  };
}

/** Where every word that is a token is what its merges make of it, it makes no difference whether they are asked. */
function requireMergesReach(model: Record<string, unknown>, name: string): void {
  const { ids, encode } = createModel({ ...model, ignore_merges: false });
  for (const [token, id] of ids) {
    const found: number[] = [];
    encode(token, (part) => found.push(part));
    if (found.length !== 1 || found[0] !== id)
      throw unknownTokenizer(
        "model.ignore_merges",
        `${name}'s in llama.cpp, ${model.ignore_merges !== true}: the merges don't make the token ${JSON.stringify(token)}`,
        model.ignore_merges ?? false,
      );
  }
}

/** SentencePiece's way: spaces are written "▁", and of neighbours those with the highest score are joined. */
function sentencePiece(files: TokenizerFiles, tokens: readonly Token[]): Own {
  const { model } = files;
  if (model.byte_fallback !== true)
    throw unknownTokenizer("model.byte_fallback", "true, as SentencePiece's", model.byte_fallback ?? false);
  const prefix = spacePrefix(files);
  if (prefix === undefined)
    throw unknownTokenizer(
      "pre_tokenizer",
      "a pre-tokenizer that llama.cpp has: byte-level, or SentencePiece's",
      { normalizer: files.normalizer, pre_tokenizer: files.preTokenizer },
    );
  const ranks = mergeRanks(model.merges as Merge[]);
  const scores = tokens.map(({ content, kind }) => (kind === NORMAL ? -(ranks.get(content) ?? 0) : -1000));
  const asInText = new Map(
    tokens
      .filter(({ kind, normalized }) => kind === USER_DEFINED && normalized)
      .map(({ content }) => [content, content.replaceAll("▁", " ")]),
  );
  return {
    entries: [
      ["tokenizer.ggml.model", textValue("llama")],
      ["tokenizer.ggml.pre", textValue("default")],
      ["tokenizer.ggml.add_space_prefix", flagValue(prefix)],
    ],
    after: [["tokenizer.ggml.scores", f32s(scores)]],
    written: (content) => asInText.get(content) ?? content,
  };
}

/** The rank of the first merge that makes each token. */
function mergeRanks(merges: readonly Merge[]): Map<string, number> {
  const ranks = new Map<string, number>();
  for (const [rank, merge] of merges.entries()) {
    const token = splitMerge(merge).join("");
    if (!ranks.has(token)) ranks.set(token, rank);
  }
  return ranks;
}

/** Whether a text gets a space in front; nothing where spaces are written in another way. */
function spacePrefix({ normalizer, preTokenizer }: TokenizerFiles): boolean | undefined {
  const normal = flattenSequence("normalizer", "normalizers", normalizer);
  const pre = stepsOf(preTokenizer);
  const replaces = ({ type, pattern, content }: Record<string, unknown>) =>
    type === "Replace" && (pattern as { String?: unknown } | undefined)?.String === " " && content === "▁";
  const splitsSpaces = ({ type, pattern }: Record<string, unknown>) =>
    type === "Split" && (pattern as { String?: unknown } | undefined)?.String === " ";
  if (pre.length === 1 && pre[0]!.type === "Metaspace" && normal.length === 0) {
    const { replacement = "▁", prepend_scheme, add_prefix_space } = pre[0]!;
    if (replacement !== "▁") return undefined;
    return (prepend_scheme ?? (add_prefix_space === false ? "never" : "always")) !== "never";
  }
  if (pre.length > 1 || (pre.length === 1 && !splitsSpaces(pre[0]!))) return undefined;
  if (normal.length === 1 && replaces(normal[0]!)) return false;
  const prepends = normal[0]?.type === "Prepend" && normal[0].prepend === "▁";
  return normal.length === 2 && prepends && replaces(normal[1]!) ? true : undefined;
}

/** llama.cpp composes nothing: a text in composed form, as nearly all is, comes out the same. */
function requireNormalizer({ normalizer }: TokenizerFiles, allowed: readonly string[]): void {
  const other = flattenSequence("normalizer", "normalizers", normalizer).find(
    ({ type }) => !allowed.includes(type),
  );
  if (other) throw unknownTokenizer("normalizer", "none, or NFC", other);
}

function specialTokens(
  { specialTokens: named, textPrefix, addedTokens }: TokenizerFiles,
  { tokenizerJson, eosIds, bosId }: TokenizerSources,
  tokens: readonly Token[],
): Entries {
  const ids = new Map(tokens.map(({ content }, id) => [content, id]));
  for (const { content, id } of addedTokens) ids.set(content, id);
  const eos = named.eos === undefined ? undefined : ids.get(named.eos);
  if (eos === undefined)
    throw new AttuneError({
      code: "export.no-eos",
      place: "tokenizer_config.json: eos_token",
      problem: "the tokenizer names no token that ends a text, and llama.cpp would take another for it",
      wayOut: "Name it there, or its id as eos_token_id in config.json",
    });
  if (textPrefix.length > 1)
    throw unknownTokenizer("post_processor", "one token before a text at most", textPrefix);
  const inConfig = typeof bosId === "number" && bosId >= 0 && bosId < tokens.length ? bosId : undefined;
  const bos = textPrefix[0] ?? (named.bos === undefined ? undefined : ids.get(named.bos)) ?? inConfig;
  const [eot, eom] = eosIds.filter(
    (id) => id !== eos && id < tokens.length && !ENDS.has(tokens[id]!.content),
  );
  const optional: [string, number | undefined][] = [
    ["unknown", named.unk === undefined ? undefined : ids.get(named.unk)],
    ["padding", named.pad === undefined ? undefined : ids.get(named.pad)],
    ["eot", eot],
    ["eom", eom],
  ];
  return [
    ["tokenizer.ggml.bos_token_id", u32(bos ?? eos)], // llama.cpp would take token 11 for it
    ["tokenizer.ggml.eos_token_id", u32(eos)],
    ...optional.flatMap(
      ([name, id]): Entries => (id === undefined ? [] : [[`tokenizer.ggml.${name}_token_id`, u32(id)]]),
    ),
    ["tokenizer.ggml.add_bos_token", flagValue(textPrefix.length > 0)],
    ["tokenizer.ggml.add_eos_token", flagValue(endsTexts(tokenizerJson, tokens[eos]!.content))],
  ];
}

/** llama.cpp knows by their names that these end what a model writes. */
const ENDS: ReadonlySet<string> = new Set([
  ...["<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "</s>", "<|eom_id|>"],
  ...["<EOT>", "<|end_of_text|>", "<eos>"],
]);

/** Whether the tokenizer itself ends every text with its eos token. */
function endsTexts(tokenizerJson: unknown, eos: string): boolean {
  const { post_processor } = tokenizerJson as { post_processor?: unknown };
  const last = flattenSequence("post_processor", "processors", post_processor)
    .filter(({ type }) => type === "TemplateProcessing")
    .map(({ single }) => (single as { SpecialToken?: { id?: unknown } }[]).at(-1)?.SpecialToken?.id);
  return last.includes(eos);
}

const stepsOf = (preTokenizer: unknown) => flattenSequence("pre_tokenizer", "pretokenizers", preTokenizer);

const unknownTokenizer = (key: string, expected: string, got: unknown) =>
  new AttuneError({
    code: "export.unknown-tokenizer",
    place: `tokenizer.json: ${key}`,
    problem: "llama.cpp would cut texts otherwise than the model was trained with",
    expected,
    got: excerpt(got),
  });
