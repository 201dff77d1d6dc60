import { permutation } from "../../random/random.ts";
import { AttuneError } from "../../text/errors.ts";
import { firstEqual } from "./equal_sequences.ts";
import type { SequenceStore } from "./sequence_store.ts";

/** Indices of a store's sequences, ascending. */
export interface Split {
  train: Uint32Array;
  evaluation: Uint32Array;
}

/**
 * Holds out about `fraction` of the sequences (at least one) for evaluation, chosen by the seed; both sides stay in
 * file order. Sequences with equal tokens and labels stay on one side.
 * @param fraction of (0, 1).
 */
export function splitSequences(
  sequences: SequenceStore,
  { fraction, seed }: { fraction: number; seed: number },
): Split {
  if (!(fraction > 0 && fraction < 1))
    throw new AttuneError({
      code: "data.wrong-fraction",
      place: "evaluation.fraction",
      expected: "a number between 0 and 1",
      got: `${fraction}`,
    });
  const first = firstEqual(sequences);
  const { different, sizes } = groupSizes(first);
  const count = Math.max(1, Math.round(fraction * first.length));
  const isHeldOut = chooseGroups(different, sizes, count, seed);
  const indices = first.map((_, i) => i);
  const split = {
    train: indices.filter((i) => isHeldOut[first[i]!] === 0),
    evaluation: indices.filter((i) => isHeldOut[first[i]!] === 1),
  };
  if (split.train.length === 0 || split.evaluation.length === 0)
    throw new AttuneError({
      code: "data.empty-split",
      place: "evaluation.fraction",
      problem: `${fraction} of ${first.length} examples (${different.length} of them different) leaves ${split.train.length} to train on and ${split.evaluation.length} to evaluate`,
      wayOut: "Give more data or leave evaluation out",
    });
  return split;
}

/** The first sequence of each group of equal ones, and at its index how many they are. */
function groupSizes(first: Uint32Array): { different: Uint32Array; sizes: Uint32Array } {
  const sizes = new Uint32Array(first.length);
  for (const i of first) sizes[i]!++;
  return { different: first.filter((other, i) => other === i), sizes };
}

/** Takes groups in random order while they fit into `count`: 1 at the first sequence of those that are taken. */
function chooseGroups(different: Uint32Array, sizes: Uint32Array, count: number, seed: number): Uint8Array {
  const chosen = new Uint8Array(sizes.length);
  let left = count;
  for (const group of permutation(different.length, seed, "split", 0)) {
    const first = different[group]!;
    if (sizes[first]! <= left) {
      chosen[first] = 1;
      left -= sizes[first]!;
    }
    if (left === 0) break;
  }
  return chosen;
}
