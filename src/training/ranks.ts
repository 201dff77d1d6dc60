import type { TokenSequence } from "../data/tokenize/token_sequence.ts";
import type { Forward, ForwardResult } from "./forward.ts";
import { zerosByToken } from "./label_values.ts";
import { type ShareOptions, sharesOf } from "./shares.ts";

/**
 * The processes that compute a run together. Each takes every step and is given every batch; it computes its share of the
 * examples, and the sums are the same bits everywhere: so all have the same weights without sending any.
 */
export interface Ranks {
  /** Which of them this is, counted from 0. */
  rank: number;
  size: number;
  /**
   * Adds up the arrays of all ranks, number by number and in the order of the ranks, and puts the sums in their place. `as` is
   * what float32 numbers travel as; float32 when left out.
   */
  sum(arrays: readonly (Float32Array | Float64Array)[], as?: WireType): Promise<void>;
}

/** What gradients travel as between processes. */
export const WIRE_TYPES = ["float32", "bfloat16"] as const;
export type WireType = (typeof WIRE_TYPES)[number];

export const ALONE: Ranks = { rank: 0, size: 1, sum: async () => {} };

/** Places of the sequences of a batch that a rank computes. */
export const shareOf = (
  { rank, size }: Ranks,
  sequences: readonly TokenSequence[],
  way: ShareWay,
): number[] => sharesOf(sequences, { ...way, size })[rank]!;

/** How a batch is shared out. */
export type ShareWay = Omit<ShareOptions, "size">;

/** Values of a rank's share as those of the whole batch: each rank puts in its own, and zeros elsewhere. */
export async function sumValues(
  ranks: Ranks,
  { nll, computedTokens }: ForwardResult,
): Promise<ForwardResult> {
  if (ranks.size === 1) return { nll, computedTokens };
  const flat = new Float64Array(nll.reduce((n, { length }) => n + length, 1));
  flat[0] = computedTokens;
  let at = 1;
  for (const values of nll) {
    flat.set(values, at);
    at += values.length;
  }
  await ranks.sum([flat]);
  let read = 1;
  const summed = nll.map(({ length }) => {
    read += length;
    return flat.slice(read - length, read);
  });
  return { nll: summed, computedTokens: flat[0]! };
}

/** A forward pass of which each rank computes its share, and all get all values. */
export function sharedForward(forward: Forward, ranks: Ranks, way: ShareWay): Forward {
  if (ranks.size === 1) return forward;
  return {
    ...forward,
    async values(sequences: readonly TokenSequence[], extra) {
      const places = shareOf(ranks, sequences, way);
      const own = await forward.values(
        places.map((place) => sequences[place]!),
        extra,
      );
      const nll = zerosByToken(sequences);
      own.nll.forEach((values, i) => {
        nll[places[i]!] = values;
      });
      return sumValues(ranks, { ...own, nll });
    },
  };
}

/** A text of each rank, at all of them. */
export async function gatherTexts({ rank, size, sum }: Ranks, text: string): Promise<string[]> {
  if (size === 1) return [text];
  const bytes = new TextEncoder().encode(text);
  const lengths = new Float64Array(size);
  lengths[rank] = bytes.length;
  await sum([lengths]);
  const all = new Float64Array(lengths.reduce((n, length) => n + length, 0));
  const starts = [...lengths.keys()].map((r) => lengths.subarray(0, r).reduce((n, length) => n + length, 0));
  all.set(bytes, starts[rank]);
  await sum([all]);
  return starts.map((start, r) =>
    new TextDecoder().decode(Uint8Array.from(all.subarray(start, start + lengths[r]!))),
  );
}

/** Puts the first rank's numbers in the others' arrays. */
export async function shareArrays(
  { rank, sum }: Ranks,
  arrays: readonly (Float32Array | Float64Array)[],
): Promise<void> {
  if (rank > 0) for (const array of arrays) array.fill(0);
  await sum(arrays);
}
