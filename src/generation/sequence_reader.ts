import type { Decoder } from "./decoder.ts";

/** Tokens a pass reads at most: what attention takes grows with them. */
const PASS_TOKENS = 512;

/** Reads one growing sequence. */
export interface SequenceReader {
  /** Logits [V] of what comes after `tokens`. What was read before and is still their beginning is not read again. */
  next(tokens: readonly number[], signal?: AbortSignal): Promise<Float32Array>;
}

export function sequenceReader(decoder: Decoder): SequenceReader {
  const { shortLength = Number.POSITIVE_INFINITY } = decoder.dimensions;
  const cache = decoder.newCache();
  const read: number[] = []; // the tokens the cache holds
  let long = false; // whether they were read as a sequence beyond the short length
  return {
    async next(tokens, signal) {
      const same = long === tokens.length > shortLength;
      read.length = same ? Math.min(commonLength(read, tokens), tokens.length - 1) : 0;
      long = tokens.length > shortLength;
      cache.truncate(read.length);
      let logits: Float32Array = new Float32Array();
      while (read.length < tokens.length) {
        signal?.throwIfAborted();
        const part = tokens.slice(read.length, long ? undefined : read.length + PASS_TOKENS);
        logits = await decoder.read(cache, [{ sequence: 0, start: read.length, tokens: part }]);
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
