import { AttuneError } from "../text/errors.ts";
import {
  type AddedToken,
  type AddedTokenSplitter,
  createAddedTokenSplitter,
  type Sections,
} from "./added_tokens.ts";
import { type AlignedText, alignText, originOf } from "./aligned_text.ts";
import { createLeastTokens, type LeastTokens } from "./least_tokens.ts";
import { isMediaToken } from "./media_tokens.ts";
import { createModel, type TokenModel } from "./model.ts";
import { createNormalizer, type Normalizer } from "./normalizer.ts";
import { createStepBudget, renewBudget, type StepBudget } from "./patterns/step_budget.ts";
import { createPreTokenizer } from "./pre_tokenizer.ts";
import { createTokenBytes } from "./token_bytes.ts";
import { readTokenizerFiles, type SpecialTokens, type TokenizerFiles } from "./tokenizer_files.ts";

export interface Encoding {
  /** Token ids, [tokens]. */
  ids: number[];
  /**
   * UTF-16 [start, end) of each token in the text, [tokens]. Tokens that share a character each have all of it; a
   * space the tokenizer puts before a word has that word's first character.
   */
  offsets: [number, number][];
}

export interface EncodeOptions {
  /**
   * Begin with the tokens that the tokenizer writes before a text of its own (a BOS, where it has one), unless the text
   * begins with them. Their offsets are [0, 0].
   */
  addBos?: boolean;
}

/** Gets a token and its UTF-16 [start, end) in the text, as in {@link Encoding}. */
export type VisitToken = (id: number, start: number, end: number) => void;
type EachToken = (text: string, visit: VisitToken, options?: EncodeOptions) => void;

export interface DecodeOptions {
  /** Leave special tokens out. */
  skipSpecialTokens?: boolean;
}

export interface Tokenizer {
  /** Highest id + 1, added tokens included. */
  readonly vocabSize: number;
  /** bos, eos, pad and unk as the files name them. */
  readonly specialTokens: SpecialTokens;
  /** Special tokens by the names that chat templates know them by: `bos_token`, `image_token`, …. */
  readonly namedTokens: Readonly<Record<string, string>>;
  /** Whether `decode` leaves out one space at the very start of a text (SentencePiece). */
  readonly stripsPrefixSpace: boolean;
  /** Adds no special tokens unless asked to; recognises added tokens that are written in the text. */
  encode(text: string, options?: EncodeOptions): Encoding;
  /** Calls `visit` with what `encode` lists, token by token: of a long text nothing is kept but the text. */
  eachToken(text: string, visit: VisitToken, options?: EncodeOptions): void;
  /** Fewer tokens than this `encode` doesn't give; far cheaper than encoding. 0 where it can't be told. */
  leastTokens(text: string): number;
  /** Ids without a token (a model's vocabulary may be padded) are nothing; broken UTF-8 becomes U+FFFD. */
  decode(ids: ArrayLike<number>, options?: DecodeOptions): string;
  idOf(token: string): number | undefined;
  tokenOf(id: number): string | undefined;
  /** UTF-8 of one token: the characters of a text may be spread over several. */
  bytesOf(id: number): Uint8Array<ArrayBuffer>;
  /** An added token that is marked special. */
  isSpecial(id: number): boolean;
  /** Recognised in the text before the model sees it; special tokens are. */
  isAdded(id: number): boolean;
  /** In its place the model sees an image or hears a sound: `encode` refuses it. */
  isMedia(id: number): boolean;
}

/**
 * Makes a tokenizer from a parsed `tokenizer.json` and `tokenizer_config.json` (null where there is none). Ids and
 * offsets are those of Hugging Face tokenizers; byte-level BPE, and SentencePiece's BPE and unigram models.
 * @param eosIds the model's own: the first that is a token is eos where the files name none.
 * @param mediaIds the model's own of tokens that stand for images and sound.
 * @throws AttuneError when a file is broken or asks for something unknown.
 */
export function createTokenizer(
  tokenizerJson: unknown,
  tokenizerConfig: unknown,
  eosIds: readonly number[] = [],
  mediaIds: readonly number[] = [],
): Tokenizer {
  const files = readTokenizerFiles(tokenizerJson, tokenizerConfig, eosIds);
  const budget = createStepBudget();
  const normalize = createNormalizer(files.normalizer, budget);
  const model = modelOf(files.model);
  const media = new Set(mediaIds);
  const eachToken = withoutMedia(createEncoder(files, normalize, model, budget), media, (id) =>
    tokens.get(id),
  );
  const { bytesOf, stripsPrefixSpace } = createTokenBytes(files.decoder);
  const added = new Map(files.addedTokens.map((token) => [token.id, token]));
  const ids = new Map([
    ...model.ids,
    ...files.addedTokens.map(({ content, id }): [string, number] => [content, id]),
  ]);
  const tokens = new Map(Array.from(ids, ([token, id]) => [id, token]));
  const spelling = (id: number) => {
    const token = added.get(id);
    return token ? writtenAs(token, normalize) : (tokens.get(id) ?? "");
  };

  let least: LeastTokens | undefined; // made when it is first asked for

  const tokenizer: Tokenizer = {
    vocabSize: highest(tokens.keys()) + 1,
    specialTokens: files.specialTokens,
    namedTokens: files.namedTokens,
    stripsPrefixSpace,
    encode(text, options) {
      const encoding: Encoding = { ids: [], offsets: [] };
      const add: VisitToken = (id, start, end) => {
        encoding.ids.push(id);
        encoding.offsets.push([start, end]);
      };
      eachToken(text, add, options);
      return encoding;
    },
    eachToken,
    leastTokens(text) {
      least ??= createLeastTokens(files, Array.from(tokens.keys(), tokenizer.bytesOf));
      return least(text);
    },
    decode(sequence, { skipSpecialTokens = false } = {}) {
      const shown = Array.from(sequence).filter((id) => !(skipSpecialTokens && tokenizer.isSpecial(id)));
      const text = utf8.decode(concat(shown.map(tokenizer.bytesOf)));
      return stripsPrefixSpace && text.startsWith(" ") ? text.slice(1) : text;
    },
    idOf: (token) => ids.get(token),
    tokenOf: (id) => tokens.get(id),
    bytesOf: (id) => bytesOf(spelling(id)),
    isSpecial: (id) => added.get(id)?.special === true,
    isAdded: (id) => added.has(id),
    isMedia: (id) => media.has(id),
  };
  return tokenizer;
}

/**
 * Cuts texts into the pieces that a tokenizer's model encodes one by one: normalized, pre-tokenized, added tokens left out.
 * @throws AttuneError as {@link createTokenizer}.
 */
export function createPieceReader(
  files: TokenizerFiles,
): (text: string, visit: (piece: string) => void) => void {
  const budget = createStepBudget();
  const normalize = createNormalizer(files.normalizer, budget);
  let visit: (piece: string) => void = () => {};
  const reader: TokenModel = { ids: new Map(), encode: (piece) => visit(piece) };
  const eachToken = createEncoder(files, normalize, reader, budget);
  return (text, visitor) => {
    visit = visitor;
    eachToken(text, () => {});
  };
}

function withoutMedia(
  eachToken: EachToken,
  media: ReadonlySet<number>,
  tokenOf: (id: number) => string | undefined,
): EachToken {
  if (media.size === 0) return eachToken;
  return (text, visit, options) => {
    const visitText: VisitToken = (id, start, end) => {
      if (media.has(id)) throw isMediaToken(id, tokenOf(id));
      visit(id, start, end);
    };
    eachToken(text, visitText, options);
  };
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

function concat(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function highest(ids: Iterable<number>): number {
  let highest = -1;
  for (const id of ids) if (id > highest) highest = id;
  return highest;
}

/** The pipeline of tokenizers: added tokens, normalizer, added tokens again, pre-tokenizer, model. */
function createEncoder(
  files: TokenizerFiles,
  normalize: Normalizer,
  model: TokenModel,
  budget: StepBudget,
): EachToken {
  const preTokenize = createPreTokenizer(files.preTokenizer, budget);
  const [normalized, raw] = [true, false].map((normalized) =>
    createAddedTokenSplitter(
      files.addedTokens
        .filter((token) => token.normalized === normalized)
        .map((token) => [writtenAs(token, normalize), token]),
    ),
  ) as [AddedTokenSplitter, AddedTokenSplitter];

  const eachOwn: EachToken = (text, visit) => {
    renewBudget(budget, text);
    const token: Sections["token"] = ({ id }, [start, end]) => visit(id, start, end);
    const encodePiece = (piece: AlignedText) =>
      model.encode(piece.text, (id, from, to) => {
        const [start, end] = originOf(piece, from, to);
        visit(id, start, end);
      });
    const stretch = (normalizedText: AlignedText) => preTokenize(normalizedText, encodePiece);
    raw(alignText(text), {
      token,
      stretch: (written) => normalized(normalize(written), { token, stretch }),
    });
  };
  return (text, visit, { addBos = false } = {}) => {
    if (addBos && files.textPrefix.length > 0) eachBehind(files.textPrefix, eachOwn, text, visit);
    else eachOwn(text, visit);
  };
}

/** The text's tokens behind `prefix`, unless they begin with it. */
function eachBehind(prefix: readonly number[], each: EachToken, text: string, visit: VisitToken): void {
  const first: Parameters<VisitToken>[] = []; // as many as may be the prefix
  let isBehind = false;
  const begin = () => {
    isBehind = true;
    if (!prefix.every((id, i) => first[i]?.[0] === id)) for (const id of prefix) visit(id, 0, 0);
    for (const token of first) visit(...token);
  };
  each(text, (id, start, end) => {
    if (isBehind) visit(id, start, end);
    else if (first.push([id, start, end]) === prefix.length) begin();
  });
  if (!isBehind) begin();
}

/** What an added token looks like in the text it is looked for in. */
function writtenAs(token: AddedToken, normalize: Normalizer): string {
  return token.normalized ? normalize(alignText(token.content)).text : token.content;
}

function modelOf(config: Record<string, unknown>): TokenModel {
  try {
    return createModel(config);
  } catch (error) {
    if (error instanceof AttuneError) throw error;
    throw new AttuneError({
      code: "tokenizers.unreadable-model",
      place: "tokenizer.json",
      problem: `the model can't be read: ${(error as Error).message}`,
    });
  }
}
