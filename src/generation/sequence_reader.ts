import type { Decoder, Piece } from "./decoder.ts";

/** Tokens a pass reads at most: what attention takes grows with them. */
const PASS_TOKENS = 512;
/** Where the logits of each are wanted: they take the vocabulary's size for each. */
const EACH_TOKENS = 64;

/** Reads one growing sequence. */
export interface SequenceReader {
  /**
   * Logits [V] of what comes after `tokens`. What was read before and is still their beginning is not read again.
   * @param onEach gets the logits [V] of what comes after each of `tokens`, which are all read anew for it
   */
  next(
    tokens: readonly number[],
    signal?: AbortSignal,
    onEach?: (logits: Float32Array) => void,
  ): Promise<Float32Array>;
}

export function sequenceReader(decoder: Decoder): SequenceReader {
  const { shortLength = Number.POSITIVE_INFINITY } = decoder.dimensions;
  const cache = decoder.newCache();
  const read: number[] = []; // the tokens the cache holds
  let long = false; // whether they were read as a sequence beyond the short length
  const readEach = async (piece: Piece, onEach: (logits: Float32Array) => void) => {
    const all = await decoder.readEach(cache, piece);
    const V = all.length / piece.tokens.length;
    for (let t = 0; t < piece.tokens.length; t++) onEach(all.subarray(t * V, (t + 1) * V));
    return all.slice(-V);
  };
  return {
    async next(tokens, signal, onEach) {
      const same = !onEach && long === tokens.length > shortLength;
      const most = onEach ? EACH_TOKENS : PASS_TOKENS;
      read.length = same ? Math.min(commonLength(read, tokens), tokens.length - 1) : 0;
      long = tokens.length > shortLength;
      cache.truncate(read.length);
      let logits: Float32Array = new Float32Array();
      while (read.length < tokens.length) {
        signal?.throwIfAborted();
        const part = tokens.slice(read.length, long ? undefined : read.length + most);
        const piece = { sequence: 0, start: read.length, tokens: part };
        logits = onEach ? await readEach(piece, onEach) : await decoder.read(cache, [piece]);
        read.push(...part);
      }
      return logits;
    },
  };
}

function commonLength(a: readonly number[], b: readonly number[]): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}
