import { AttuneError } from "../text/errors.ts";
import { createBytePairEncoder, type Merge } from "./bpe.ts";
import { createPieceCutter } from "./piece_cutter.ts";
import { createUnigramEncoder } from "./unigram.ts";

/** Gets the tokens of a piece of text in order, each with the units [from, to) it covers. */
export type EmitToken = (id: number, from: number, to: number) => void;

export interface TokenModel {
  /** Ids by token, without the added tokens. */
  ids: ReadonlyMap<string, number>;
  /** @throws AttuneError when the tokens don't spell the piece. */
  encode(piece: string, emit: EmitToken): void;
}

/** The `model` of tokenizer.json: byte-pair encoding or SentencePiece's unigram model. */
export function createModel(config: Record<string, unknown>): TokenModel {
  refuseUnsupported(config);
  return config.type === "Unigram" ? unigram(config) : bytePairs(config);
}

const MOST = 2 ** 22; // tokens or merges: the largest vocabularies have some hundred thousand

function refuseUnsupported({ type, vocab, merges, ...config }: Record<string, unknown>): void {
  if (type !== "BPE" && type !== "Unigram")
    throw new AttuneError({
      code: "tokenizers.unsupported-model",
      place: "tokenizer.json",
      expected: "a BPE or Unigram model",
      got: JSON.stringify(type),
    });
  for (const key of ["continuing_subword_prefix", "end_of_word_suffix", "dropout"])
    if (config[key])
      throw new AttuneError({
        code: "tokenizers.unsupported-model",
        place: "tokenizer.json",
        problem: `model.${key} isn't supported`,
        got: JSON.stringify(config[key]),
      });
  const sizes = {
    vocab: Object.keys(vocab as object).length,
    merges: (merges as unknown[] | undefined)?.length,
  };
  for (const [key, size = 0] of Object.entries(sizes))
    if (size > MOST)
      throw new AttuneError({
        code: "tokenizers.large-vocabulary",
        place: `tokenizer.json: model.${key}`,
        expected: `at most ${MOST} entries`,
        got: String(size),
      });
}

/** Tokens of a part of a piece: ids, and the units [bounds[2i], bounds[2i + 1]) each covers. */
interface PartTokens {
  ids: readonly number[];
  bounds: readonly number[];
}

function bytePairs(config: Record<string, unknown>): TokenModel {
  const ids = new Map(Object.entries(config.vocab as Record<string, number>));
  const merges = config.merges as Merge[];
  const split = createBytePairEncoder({ ids, merges });
  const unknown = ids.get(config.unk_token as string);
  const cover = createCover(ids, config, unknown);
  const encodePart = remember((part) => cover(part, split(part)));
  const encodeWhole =
    config.ignore_merges === true
      ? remember((piece) => {
          const id = ids.get(piece);
          return id === undefined ? encodePart(piece) : { ids: [id], bounds: [0, piece.length] };
        })
      : encodePart;
  const cut = createPieceCutter(merges);
  const encode = (piece: string, emit: EmitToken) => {
    if (piece.length <= CACHED_LENGTH) emitPart(encodeWhole(piece), 0, emit);
    else if (config.ignore_merges === true && ids.has(piece)) emit(ids.get(piece)!, 0, piece.length);
    else cut(piece, (from, to) => emitPart(encodePart(piece.slice(from, to)), from, emit));
  };
  return { ids, encode: config.fuse_unk === true ? fuse(encode, unknown) : encode };
}

function unigram(config: Record<string, unknown>): TokenModel {
  const vocab = config.vocab as [string, number][];
  const ids = new Map(vocab.map(([token], id) => [token, id]));
  const split = createUnigramEncoder(vocab);
  const unknown =
    typeof config.unk_id === "number" && config.unk_id < vocab.length ? config.unk_id : undefined;
  const cover = createCover(ids, config, unknown);
  const encodePart = remember((piece) => cover(piece, split(piece)));
  return { ids, encode: fuse((piece, emit) => emitPart(encodePart(piece), 0, emit), unknown) };
}

function emitPart({ ids, bounds }: PartTokens, at: number, emit: EmitToken): void {
  for (let i = 0; i < ids.length; i++) emit(ids[i]!, at + bounds[2 * i]!, at + bounds[2 * i + 1]!);
}

const CACHED_PIECES = 50_000;
const CACHED_LENGTH = 64; // words; longer stretches of text don't come again

function remember(encode: (piece: string) => PartTokens): (piece: string) => PartTokens {
  const known = new Map<string, PartTokens>();
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

const utf8 = new TextEncoder();

/** SentencePiece's token of a byte. */
export function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

/** Gives characters that are no tokens (id -1) their bytes' tokens, if the model does that and has them, or the unknown one. */
function createCover(
  ids: ReadonlyMap<string, number>,
  config: Record<string, unknown>,
  unknown: number | undefined,
): (part: string, tokens: { ids: readonly number[]; lengths: readonly number[] }) => PartTokens {
  const spell = (char: string): readonly number[] => {
    const bytes = config.byte_fallback === true ? utf8.encode(char) : [];
    const spelled = Array.from(bytes, (byte) => ids.get(byteToken(byte)));
    if (spelled.length > 0 && spelled.every((id) => id !== undefined)) return spelled;
    if (unknown === undefined) throw unspelled(char);
    return [unknown];
  };
  return (part, tokens) => {
    const covered = { ids: [] as number[], bounds: [] as number[] };
    let at = 0;
    tokens.ids.forEach((token, i) => {
      const to = at + tokens.lengths[i]!;
      for (const id of token < 0 ? spell(part.slice(at, to)) : [token]) {
        covered.ids.push(id);
        covered.bounds.push(at, to);
      }
      at = to;
    });
    return covered;
  };
}

function unspelled(char: string): AttuneError {
  return new AttuneError({
    code: "tokenizers.no-unknown-token",
    place: "the tokenizer",
    problem: `its tokens don't spell ${JSON.stringify(char)}; its vocabulary lacks the character and has no unknown token`,
  });
}

/** Unknown characters in a row become one unknown token. */
function fuse(encode: TokenModel["encode"], unknown: number | undefined): TokenModel["encode"] {
  if (unknown === undefined) return encode;
  return (piece, emit) => {
    let [begin, end] = [-1, -1]; // of the unknown token so far
    const flush = () => {
      if (begin >= 0) emit(unknown, begin, end);
      begin = -1;
    };
    encode(piece, (id, from, to) => {
      if (id === unknown) [begin, end] = [begin < 0 ? from : begin, to];
      else {
        flush();
        emit(id, from, to);
      }
    });
    flush();
  };
}
