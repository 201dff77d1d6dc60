import type { TokenSequence } from "../tokenize/token_sequence.ts";

/**
 * Sequences as a forest in which what they have in common at the start lies once. It needs no nodes: in lexicographic
 * order, each sequence follows the one it has most in common with, so the number of tokens they share says where it
 * branches off, and reading on from there is a depth-first walk.
 */
export interface PrefixTree {
  /** Indices of the sequences that have tokens, a prefix before what continues it. */
  order: number[];
  /** How many tokens each of `order` has in common with the one before; 0 for the first. */
  shared: number[];
}

export function prefixTree(sequences: readonly TokenSequence[]): PrefixTree {
  const tokens = (index: number) => sequences[index]!.tokens;
  const order = [...sequences.keys()]
    .filter((index) => tokens(index).length > 0)
    .sort((a, b) => compare(tokens(a), tokens(b)) || a - b);
  const shared = order.map((index, rank) =>
    rank === 0 ? 0 : commonPrefix(tokens(order[rank - 1]!), tokens(index)),
  );
  return { order, shared };
}

/** Number of tokens that a and b start with alike. */
export function commonPrefix(a: Int32Array, b: Int32Array): number {
  const shorter = Math.min(a.length, b.length);
  let common = 0;
  while (common < shorter && a[common] === b[common]) common++;
  return common;
}

function compare(a: Int32Array, b: Int32Array): number {
  const common = commonPrefix(a, b);
  return common < Math.min(a.length, b.length) ? a[common]! - b[common]! : a.length - b.length;
}
