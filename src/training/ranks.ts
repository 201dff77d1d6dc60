import type { TokenSequence } from "../data/tokenize/token_sequence.ts";
import type { Forward, ForwardResult } from "./forward.ts";
import { zerosByToken } from "./label_values.ts";

/**
 * The processes that compute a run together. Each takes every step and is given every batch; it computes its share of the
 * examples, and the sums are the same bits everywhere: so all have the same weights without sending any.
 */
export interface Ranks {
  /** Which of them this is, counted from 0. */
  rank: number;
  size: number;
  /** Adds up the arrays of all ranks, number by number and in the order of the ranks, and puts the sums in their place. */
  sum(arrays: readonly (Float32Array | Float64Array)[]): Promise<void>;
}

export const ALONE: Ranks = { rank: 0, size: 1, sum: async () => {} };

/** The sequences of a batch that a rank computes: whole examples of `branches` sequences, in a row. */
export function shareOf({ rank, size }: Ranks, sequences: number, branches: number) {
  const examples = sequences / branches;
  const before = (r: number) => Math.floor((examples * r) / size) * branches;
  return { from: before(rank), to: before(rank + 1) };
}

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
export function sharedForward(forward: Forward, ranks: Ranks, branches: number): Forward {
  if (ranks.size === 1) return forward;
  return {
    ...forward,
    async values(sequences: readonly TokenSequence[], extra) {
      const { from, to } = shareOf(ranks, sequences.length, branches);
      const own = await forward.values(sequences.slice(from, to), extra);
      const nll = zerosByToken(sequences);
      own.nll.forEach((values, i) => {
        nll[from + i] = values;
      });
      return sumValues(ranks, { ...own, nll });
    },
  };
}
