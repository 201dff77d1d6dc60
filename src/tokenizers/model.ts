import { type Model, Unigram } from "@huggingface/tokenizers";
import { AttuneError } from "../text/errors.ts";
import { type BytePairModel, createBytePairEncoder } from "./bpe.ts";

/** Tokens of one piece of text, as columns: ids and the piece's units [from, to) each covers. */
export interface PieceTokens {
  ids: readonly number[];
  spans: readonly (readonly [number, number])[];
}

export interface TokenModel {
  /** Ids by token, without the added tokens. */
  ids: ReadonlyMap<string, number>;
  /** @throws AttuneError when the tokens don't spell the piece. */
  encode(piece: string): PieceTokens;
}

/** The `model` of tokenizer.json: byte-pair encoding or SentencePiece's unigram model. */
export function createModel(config: Record<string, unknown>): TokenModel {
  refuseUnsupported(config);
  const { ids, encode } = config.type === "Unigram" ? unigram(config) : bytePairs(config);
  return { ids, encode: remember(encode) };
}

function unigram(config: Record<string, unknown>): TokenModel {
  const model = new Unigram(config as never, "");
  const ids: ReadonlyMap<string, number> = new Map(model.tokens_to_ids);
  const spellBytes = byteFallback(ids, config);
  return { ids, encode: (piece) => fuse(align(model, piece, spellBytes), model.unk_token_id) };
}

function bytePairs(config: Record<string, unknown>): TokenModel {
  const ids = new Map(Object.entries(config.vocab as Record<string, number>));
  const merges = config.merges as BytePairModel["merges"];
  const split = createBytePairEncoder({ ids, merges, ignoreMerges: config.ignore_merges === true });
  const spellBytes = byteFallback(ids, config);
  const unknown = ids.get(config.unk_token as string);
  const encode = (piece: string): PieceTokens => {
    const tokens = split(piece);
    const covered = { ids: [] as number[], spans: [] as [number, number][] };
    let at = 0;
    tokens.ids.forEach((id, i) => {
      const to = at + tokens.lengths[i]!;
      const own =
        id >= 0 ? [id] : (spellBytes(piece.slice(at, to)) ?? (unknown === undefined ? [] : [unknown]));
      if (own.length === 0) throw unaligned(piece, [piece.slice(at, to)]);
      for (const id of own) {
        covered.ids.push(id);
        covered.spans.push([at, to]);
      }
      at = to;
    });
    return covered;
  };
  return { ids, encode: config.fuse_unk === true ? (piece) => fuse(encode(piece), unknown) : encode };
}

const CACHED_PIECES = 50_000;
const CACHED_LENGTH = 64; // words; stretches of text that aren't cut into words don't come again

function remember(encode: (piece: string) => PieceTokens): (piece: string) => PieceTokens {
  const known = new Map<string, PieceTokens>();
  return (piece) => {
    if (piece.length > CACHED_LENGTH) return encode(piece);
    let tokens = known.get(piece);
    if (!tokens) {
      tokens = encode(piece);
      if (known.size >= CACHED_PIECES) known.clear();
      known.set(piece, tokens);
    }
    return tokens;
  };
}

function refuseUnsupported(config: Record<string, unknown>): void {
  const { type } = config;
  if (type !== "BPE" && type !== "Unigram")
    throw new AttuneError(`tokenizer.json: expected a BPE or Unigram model, got ${JSON.stringify(type)}`);
  for (const key of ["continuing_subword_prefix", "end_of_word_suffix", "dropout"])
    if (config[key])
      throw new AttuneError(
        `tokenizer.json: model.${key} isn't supported, got ${JSON.stringify(config[key])}`,
      );
}

/** Spells a character as SentencePiece's byte tokens, if the model does that and has them all. */
type ByteFallback = (char: string) => number[] | undefined;

const utf8 = new TextEncoder();

function byteFallback(ids: ReadonlyMap<string, number>, config: Record<string, unknown>): ByteFallback {
  if (config.byte_fallback !== true) return () => undefined;
  return (char) => {
    const spelled = Array.from(utf8.encode(char), (byte) => ids.get(byteToken(byte)));
    return spelled.every((id) => id !== undefined) ? spelled : undefined;
  };
}

/** SentencePiece's token of a byte. */
export function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

/** Walks the model's tokens along the piece. */
function align(model: Model, piece: string, spellBytes: ByteFallback): PieceTokens {
  const ids: number[] = [];
  const spans: [number, number][] = [];
  const spelled = model.encode([piece]);
  let at = 0;
  for (let i = 0; i < spelled.length; i++) {
    const token = spelled[i]!;
    const id = model.tokens_to_ids.get(token);
    if (id !== undefined && piece.startsWith(token, at)) {
      ids.push(id);
      spans.push([at, at + token.length]);
      at += token.length;
      continue;
    }
    const char = String.fromCodePoint(piece.codePointAt(at) ?? 0);
    const covering = coverCharacter(model, token, char, spellBytes(char));
    if (!covering) break;
    ids.push(...covering);
    spans.push(...covering.map((): [number, number] => [at, at + char.length]));
    if (token !== char) i += covering.length - 1; // BPE gives a token a byte, the unigram model the character
    at += char.length;
  }
  if (at !== piece.length) throw unaligned(piece, spelled);
  return { ids, spans };
}

/** The tokens of a character that is not in the vocabulary: its bytes, or the unknown token. */
function coverCharacter(
  model: Model,
  token: string,
  char: string,
  bytes: number[] | undefined,
): number[] | undefined {
  if (bytes && (token === char || model.tokens_to_ids.get(token) === bytes[0])) return bytes;
  const unknown = token === char || token === model.unk_token;
  return unknown && model.unk_token_id !== undefined ? [model.unk_token_id] : undefined;
}

function unaligned(text: string, tokens: string[]): AttuneError {
  const shorten = (value: string) => (value.length > 80 ? `${value.slice(0, 80)}…` : value);
  return new AttuneError(
    `tokenizer: the tokens ${shorten(JSON.stringify(tokens))} don't spell the text ${shorten(JSON.stringify(text))}; its vocabulary lacks characters and has no unknown token`,
  );
}

/** Unknown characters in a row become one unknown token. */
function fuse({ ids, spans }: PieceTokens, unknown: number | undefined): PieceTokens {
  if (!ids.includes(unknown!)) return { ids, spans };
  const fused: { ids: number[]; spans: [number, number][] } = { ids: [], spans: [] };
  ids.forEach((id, i) => {
    const [from, to] = spans[i]!;
    if (id === unknown && fused.ids.at(-1) === unknown) fused.spans.at(-1)![1] = to;
    else {
      fused.ids.push(id);
      fused.spans.push([from, to]);
    }
  });
  return fused;
}
