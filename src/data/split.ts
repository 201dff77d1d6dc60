import { AttuneError } from "../errors.ts";
import { permutation } from "./random.ts";
import type { TokenSequence } from "./token_sequence.ts";

export interface Split {
  train: TokenSequence[];
  evaluation: TokenSequence[];
}

/**
 * Holds out about `fraction` of the sequences (at least one) for evaluation, chosen by the seed; both sides stay in
 * file order. Sequences with equal tokens and labels stay on one side.
 * @param fraction of (0, 1).
 */
export function splitSequences(
  sequences: readonly TokenSequence[],
  { fraction, seed }: { fraction: number; seed: number },
): Split {
  if (!(fraction > 0 && fraction < 1))
    throw new AttuneError(`evaluation.fraction: expected a number between 0 and 1, got ${fraction}`);
  const groups = groupEqual(sequences);
  const heldOut = chooseGroups(groups, Math.max(1, Math.round(fraction * sequences.length)), seed);
  const split: Split = { train: [], evaluation: [] };
  sequences.forEach((sequence, i) => {
    split[heldOut.has(i) ? "evaluation" : "train"].push(sequence);
  });
  if (split.train.length === 0 || split.evaluation.length === 0)
    throw new AttuneError(
      `evaluation.fraction: ${fraction} of ${sequences.length} examples (${groups.length} of them different) leaves ${split.train.length} to train on and ${split.evaluation.length} to evaluate; give more data or leave evaluation out`,
    );
  return split;
}

/** Indices of equal sequences, in order of first appearance. */
function groupEqual(sequences: readonly TokenSequence[]): number[][] {
  const groups = new Map<string, number[]>();
  sequences.forEach(({ tokens, labelWeights }, i) => {
    const key = `${tokens.join()};${labelWeights.join()}`;
    const group = groups.get(key);
    if (group) group.push(i);
    else groups.set(key, [i]);
  });
  return [...groups.values()];
}

/** Takes groups in random order while they fit into `count`. */
function chooseGroups(groups: number[][], count: number, seed: number): Set<number> {
  const chosen = new Set<number>();
  for (const index of permutation(groups.length, seed, "split", 0)) {
    const group = groups[index]!;
    if (chosen.size + group.length <= count) for (const member of group) chosen.add(member);
    if (chosen.size === count) break;
  }
  return chosen;
}
