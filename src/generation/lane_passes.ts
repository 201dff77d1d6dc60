import type { turns } from "../runtime/turns.ts";
import type { Decoder, Piece } from "./decoder.ts";
import { spanOf } from "./decoder.ts";
import type { KvCache } from "./kv_cache.ts";
import type { RowAdapter } from "./row_adapters.ts";
import type { OnEach, SequenceReader } from "./sequence_reader.ts";

/** A sequence that is being read. */
export interface Lane {
  /** Its number in the cache. */
  readonly sequence: number;
  /** The tokens the cache holds of it. */
  read: number[];
  /** Whether they were read as a sequence beyond the model's short length. */
  long: boolean;
  /** Who reads them, where a decoder has several. */
  readonly adapter?: RowAdapter;
}

/** Tokens of one sequence that a pass reads at most: what attention takes grows with them. */
const PIECE_TOKENS = 512;
/** Where the logits of each are wanted: they take the vocabulary's size for each. */
const EACH_TOKENS = 64;
/** Tokens of a pass over several sequences: so long those that are being answered wait for another's prompt. */
const PASS_TOKENS = 256;

/** `tokens` that a lane wants to be read to their end. */
interface Wish {
  lane: Lane;
  tokens: readonly number[];
  onEach?: OnEach;
  isNew: boolean;
  done(logits: Float32Array): void;
  fail(error: unknown): void;
}

/**
 * Reads the lanes of a cache: what they ask for while a pass is under way is read together in the next one. A prompt is read
 * piece by piece, between the tokens of those that are being answered.
 */
export function lanePasses(
  decoder: Decoder,
  shared: { cache: KvCache },
  inTurn: ReturnType<typeof turns>,
  lanes: () => number,
): (lane: Lane, ...asked: Parameters<SequenceReader["next"]>) => Promise<Float32Array> {
  const { shortLength = Number.POSITIVE_INFINITY } = decoder.dimensions;
  const wishes = new Set<Wish>();
  let isReading = false;

  const readAll = async () => {
    isReading = true;
    while (wishes.size > 0) {
      if (lanes() > 1) await macrotask(); // whoever was answered may ask on
      await inTurn(async () => readPass(piecesOf([...wishes])));
    }
    isReading = false;
  };

  /** Of a sequence that goes on otherwise than it was read, what is still its beginning is kept. */
  const begin = (wish: Wish) => {
    const { lane, tokens, onEach } = wish;
    const long = tokens.length > shortLength;
    const same = !onEach && lane.long === long;
    const length = same ? Math.min(commonLength(lane.read, tokens), tokens.length - 1) : 0;
    if (length < lane.read.length) forget(lane, length);
    lane.long = long;
    wish.isNew = false;
  };
  const forget = (lane: Lane, length: number) => {
    lane.read.length = length;
    const [from, to] = [spanOf(lane.sequence) + length, spanOf(lane.sequence + 1)];
    if (lanes() === 1) shared.cache.truncate(length);
    else shared.cache.keep((index) => index < from || index >= to);
  };

  /** What the next pass reads. Where the logits of each token are wanted, or a sequence is beyond the short length, it is alone. */
  const piecesOf = (all: readonly Wish[]): [Wish, Piece][] => {
    for (const wish of all) if (wish.isNew) begin(wish);
    const pieceOf = (wish: Wish, most: number): [Wish, Piece] => {
      const { lane, tokens } = wish;
      const start = lane.read.length;
      const end = lane.long ? undefined : start + most;
      const { sequence, adapter } = lane;
      return [wish, { sequence, start, tokens: tokens.slice(start, end), adapter }];
    };
    const left = ({ lane, tokens }: Wish) => tokens.length - lane.read.length;
    const alone = all.find((wish) => wish.onEach || (wish.lane.long && left(wish) > 1));
    if (alone) return [pieceOf(alone, alone.onEach ? EACH_TOKENS : PIECE_TOKENS)];
    if (all.length === 1) return [pieceOf(all[0]!, PIECE_TOKENS)];
    const pieces: [Wish, Piece][] = [];
    let room = PASS_TOKENS;
    for (const wish of [...all].sort((a, b) => left(a) - left(b))) {
      if (room <= 0) break;
      const piece = pieceOf(wish, room);
      pieces.push(piece);
      room -= piece[1].tokens.length;
    }
    return pieces;
  };

  const readPass = async (pass: readonly [Wish, Piece][]) => {
    if (pass.length === 0) return;
    try {
      const logits = await logitsOf(pass);
      for (const [i, [wish, { tokens }]] of pass.entries()) {
        for (const token of Array.from(tokens)) wish.lane.read.push(token);
        if (wish.lane.read.length === wish.tokens.length && wishes.delete(wish)) wish.done(logits[i]!);
      }
    } catch (error) {
      for (const [wish] of pass) if (wishes.delete(wish)) wish.fail(error);
    }
  };

  /** Logits [V] of what comes after each piece. */
  const logitsOf = async (pass: readonly [Wish, Piece][]): Promise<Float32Array[]> => {
    const [[{ onEach }, piece]] = pass as [[Wish, Piece]];
    const rows = (all: Float32Array, count: number) => {
      const V = all.length / count;
      return Array.from({ length: count }, (_, i) => all.subarray(i * V, (i + 1) * V));
    };
    if (!onEach) {
      const pieces = pass.map(([, each]) => each);
      return rows(await decoder.read(shared.cache, pieces), pieces.length);
    }
    const each = rows(await decoder.readEach(shared.cache, piece), piece.tokens.length);
    for (const logits of each) onEach(logits);
    return each.slice(-1);
  };

  return (lane, tokens, signal, onEach) =>
    new Promise<Float32Array>((done, fail) => {
      if (signal?.aborted) return fail(signal.reason);
      const leave = () => {
        if (wishes.delete(wish)) fail(signal!.reason);
      };
      const settled =
        <T>(end: (value: T) => void) =>
        (value: T) => {
          signal?.removeEventListener("abort", leave);
          end(value);
        };
      const wish: Wish = { lane, tokens, onEach, isNew: true, done: settled(done), fail: settled(fail) };
      signal?.addEventListener("abort", leave, { once: true });
      wishes.add(wish);
      if (!isReading) void readAll();
    });
}

/** Resolves when all that is due now is done; browsers have no setImmediate. */
export const macrotask = () =>
  new Promise<void>((start) => void (globalThis.setImmediate ?? setTimeout)(start));

export function commonLength(a: readonly number[], b: readonly number[]): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}
