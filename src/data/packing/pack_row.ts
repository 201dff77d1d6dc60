import type { TokenSequence } from "../tokenize/token_sequence.ts";
import { commonPrefix } from "./prefix_tree.ts";

/**
 * One row of T tokens the model computes at once, with S labels: sequences side by side, or trees of them in depth-first
 * order. Token i sees token j iff j <= i < ends[j], so branches and neighbours don't see each other.
 */
export interface Row {
  /** Token ids, [T]. */
  tokens: Int32Array;
  /** Position of each token in its own sequence, which is its depth in the tree, [T]. */
  positions: Int32Array;
  /** Row index after the last token that sees this one, [T]. */
  ends: Int32Array;
  /** Row index of the token whose output predicts the label, [S]. Where a prefix branches, several labels have one source. */
  sources: Int32Array;
  /** Token id that is predicted, [S]. */
  targets: Int32Array;
  /** Label weight, summed over the examples that have the label, [S]. */
  weights: Float32Array;
  /** The examples that have the label, as indices within the step, [S]. */
  examples: number[][];
}

interface Label {
  source: number;
  target: number;
  weight: number;
  examples: number[];
}

/**
 * Lays `members` of `sequences` out in one row; with `share`, which takes them in a prefix tree's order, what follows each
 * other's start lies there once. A label within a shared prefix is one prediction that counts for all who have it.
 */
export function layOutRow(
  sequences: readonly TokenSequence[],
  members: readonly number[],
  share: boolean,
): Row {
  const [tokens, positions, ends]: [number[], number[], number[]] = [[], [], []];
  const labels = new Map<number, Label>(); // by the row index of the token they predict
  const path: number[] = []; // row indices of the tokens of the member laid out last
  const leave = (depth: number) => {
    for (const index of path.splice(depth)) ends[index] = tokens.length;
  };
  members.forEach((member, m) => {
    const sequence = sequences[member]!;
    const start = share && m > 0 ? commonPrefix(sequences[members[m - 1]!]!.tokens, sequence.tokens) : 0;
    leave(start);
    for (let i = start; i < sequence.tokens.length; i++) {
      path.push(tokens.push(sequence.tokens[i]!) - 1);
      positions.push(i);
    }
    addLabels(labels, sequence, member, path);
  });
  leave(0);
  const all = [...labels.values()];
  return {
    tokens: Int32Array.from(tokens),
    positions: Int32Array.from(positions),
    ends: Int32Array.from(ends),
    sources: Int32Array.from(all, ({ source }) => source),
    targets: Int32Array.from(all, ({ target }) => target),
    weights: Float32Array.from(all, ({ weight }) => weight),
    examples: all.map(({ examples }) => examples),
  };
}

function addLabels(
  labels: Map<number, Label>,
  { tokens, labelWeights }: TokenSequence,
  example: number,
  path: readonly number[],
): void {
  for (let i = 1; i < tokens.length; i++) {
    const weight = labelWeights[i]!;
    if (weight === 0) continue;
    const label = labels.get(path[i]!) ?? {
      source: path[i - 1]!,
      target: tokens[i]!,
      weight: 0,
      examples: [],
    };
    label.weight += weight;
    label.examples.push(example);
    labels.set(path[i]!, label);
  }
}
