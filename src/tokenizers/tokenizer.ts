import { AttuneError } from "../text/errors.ts";
import {
  type AddedToken,
  type AddedTokenSplitter,
  createAddedTokenSplitter,
  type Section,
} from "./added_tokens.ts";
import { type AlignedText, alignText, originOf } from "./aligned_text.ts";
import { createModel, type TokenModel } from "./model.ts";
import { createNormalizer, type Normalizer } from "./normalizer.ts";
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
}

/**
 * Makes a tokenizer from a parsed `tokenizer.json` and `tokenizer_config.json` (null where there is none). Ids and
 * offsets are those of Hugging Face tokenizers; byte-level BPE, and SentencePiece's BPE and unigram models.
 * @param eosIds the model's own: the first that is a token is eos where the files name none.
 * @throws AttuneError when a file is broken or asks for something unknown.
 */
export function createTokenizer(
  tokenizerJson: unknown,
  tokenizerConfig: unknown,
  eosIds: readonly number[] = [],
): Tokenizer {
  const files = readTokenizerFiles(tokenizerJson, tokenizerConfig, eosIds);
  const normalize = createNormalizer(files.normalizer);
  const model = modelOf(files.model);
  const encode = createEncoder(files, normalize, model);
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

  const tokenizer: Tokenizer = {
    vocabSize: highest(tokens.keys()) + 1,
    specialTokens: files.specialTokens,
    namedTokens: files.namedTokens,
    stripsPrefixSpace,
    encode,
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
  };
  return tokenizer;
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
function createEncoder(files: TokenizerFiles, normalize: Normalizer, model: TokenModel): Tokenizer["encode"] {
  const preTokenize = createPreTokenizer(files.preTokenizer);
  const [normalized, raw] = [true, false].map((normalized) =>
    createAddedTokenSplitter(
      new Map(
        files.addedTokens
          .filter((token) => token.normalized === normalized)
          .map((token) => [writtenAs(token, normalize), token]),
      ),
    ),
  ) as [AddedTokenSplitter, AddedTokenSplitter];

  const encodeStretch = (stretch: AlignedText, out: Encoding) => {
    for (const piece of preTokenize(stretch)) {
      if (piece.text === "") continue;
      const { ids, spans } = model.encode(piece.text);
      for (let i = 0; i < ids.length; i++) {
        out.ids.push(ids[i]!);
        out.offsets.push(originOf(piece, spans[i]![0], spans[i]![1]));
      }
    }
  };
  const encodeSections = (sections: Section[], out: Encoding, encode: typeof encodeStretch) => {
    for (const section of sections)
      if ("token" in section) {
        out.ids.push(section.token.id);
        out.offsets.push(section.span);
      } else encode(section.stretch, out);
  };
  const encodeRaw = (stretch: AlignedText, out: Encoding) =>
    encodeSections(normalized(normalize(stretch)), out, encodeStretch);
  return (text, { addBos = false } = {}) => {
    const out: Encoding = { ids: [], offsets: [] };
    encodeSections(raw(alignText(text)), out, encodeRaw);
    return addBos ? withPrefix(out, files.textPrefix) : out;
  };
}

function withPrefix(encoding: Encoding, prefix: readonly number[]): Encoding {
  if (prefix.every((id, i) => encoding.ids[i] === id)) return encoding;
  return {
    ids: [...prefix, ...encoding.ids],
    offsets: [...prefix.map((): [number, number] => [0, 0]), ...encoding.offsets],
  };
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
    throw new AttuneError(`tokenizer.json: the model can't be read: ${(error as Error).message}`);
  }
}
