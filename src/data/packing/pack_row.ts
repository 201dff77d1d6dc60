import type { TokenSequence } from "../tokenize/token_sequence.ts";
import { commonPrefix } from "./prefix_tree.ts";

/**
 * One row of T tokens the model computes at once, with S labels: sequences side by side, or trees of them in depth-first
 * order. Token i sees token j iff j <= i < ends[j], so branches and neighbours don't see each other.
 */
export interface Pack {
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
  /** The tokens that each label predicts: one, or several where sequences share it. */
  uses: LabelUses;
}

/** U uses of a row's S labels. */
export interface LabelUses {
  /** Index of the label in its row, [U]. */
  label: Int32Array;
  /** Index of the sequence within the step, [U]. */
  sequence: Int32Array;
  /** Index of the token in that sequence, [U]. */
  token: Int32Array;
}

export interface LayOutOptions {
  /** Whether what members have in common at the start lies there once. */
  share: boolean;
  /** Whether every token but a first one is a label, whatever its weight. */
  everyToken: boolean;
}

interface Labels {
  sources: number[];
  targets: number[];
  /** Index of the label that predicts the token at this row index. */
  at: Map<number, number>;
  uses: { label: number; sequence: number; token: number }[];
}

/**
 * Lays `members` of `sequences` out in one row; with `share`, which takes them in a prefix tree's order, what follows each
 * other's start lies there once. A label within a shared prefix is one prediction that counts for all who have it.
 */
export function layOutPack(
  sequences: readonly TokenSequence[],
  members: readonly number[],
  { share, everyToken }: LayOutOptions,
): Pack {
  const [tokens, positions, ends]: [number[], number[], number[]] = [[], [], []];
  const labels: Labels = { sources: [], targets: [], at: new Map(), uses: [] };
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
    addLabels(labels, sequence, member, path, everyToken);
  });
  leave(0);
  return {
    tokens: Int32Array.from(tokens),
    positions: Int32Array.from(positions),
    ends: Int32Array.from(ends),
    sources: Int32Array.from(labels.sources),
    targets: Int32Array.from(labels.targets),
    uses: {
      label: Int32Array.from(labels.uses, ({ label }) => label),
      sequence: Int32Array.from(labels.uses, ({ sequence }) => sequence),
      token: Int32Array.from(labels.uses, ({ token }) => token),
    },
  };
}

function addLabels(
  { sources, targets, at, uses }: Labels,
  { tokens, labelWeights }: TokenSequence,
  sequence: number,
  path: readonly number[],
  everyToken: boolean,
): void {
  for (let token = 1; token < tokens.length; token++) {
    if (labelWeights[token] === 0 && !everyToken) continue;
    const index = path[token]!;
    let label = at.get(index);
    if (label === undefined) {
      label = sources.push(path[token - 1]!) - 1;
      targets.push(tokens[token]!);
      at.set(index, label);
    }
    uses.push({ label, sequence, token });
  }
}
