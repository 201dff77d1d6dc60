import type { TokenSequence } from "../tokenize/token_sequence.ts";

/** Tokenized examples, in memory or on disk, to be read in any order. */
export interface SequenceStore {
  readonly length: number;
  /** Number of tokens of sequence `i`, without reading it. */
  tokensOf(i: number): number;
  at(i: number): TokenSequence;
}

/** Some of a store's sequences, in the order of `indices`. */
export const selectSequences = (store: SequenceStore, indices: ArrayLike<number>): SequenceStore => ({
  length: indices.length,
  tokensOf: (i) => store.tokensOf(indices[i]!),
  at: (i) => store.at(indices[i]!),
});

/** Several stores as one, one after the other. */
export function joinSequences(stores: readonly SequenceStore[]): SequenceStore {
  if (stores.length === 1) return stores[0]!;
  const starts: number[] = [];
  let length = 0;
  for (const store of stores) {
    starts.push(length);
    length += store.length;
  }
  const find = (i: number) => {
    const k = starts.findLastIndex((start) => start <= i);
    return [stores[k]!, i - starts[k]!] as const;
  };
  return {
    length,
    tokensOf(i) {
      const [store, index] = find(i);
      return store.tokensOf(index);
    },
    at(i) {
      const [store, index] = find(i);
      return store.at(index);
    },
  };
}

/** All of a store's sequences, in memory. */
export const wholeStore = (store: SequenceStore): TokenSequence[] =>
  Array.from({ length: store.length }, (_, i) => store.at(i));
