import type { SequenceStore } from "./sequence_store.ts";

const BETWEEN = -1; // no token's id

/**
 * Examples of `size` sequences that follow each other, each as one sequence: so a pair is split, counted and compared as
 * a whole.
 */
export function wholeExamples(store: SequenceStore, size: number): SequenceStore {
  if (size === 1) return store;
  const parts = (i: number) => Array.from({ length: size }, (_, k) => i * size + k);
  return {
    length: store.length / size,
    tokensOf: (i) => parts(i).reduce((sum, k) => sum + store.tokensOf(k), 0),
    at(i) {
      const sequences = parts(i).map((k) => store.at(k));
      return {
        tokens: Int32Array.from(sequences.flatMap(({ tokens }) => [...tokens, BETWEEN])),
        labelWeights: Float32Array.from(sequences.flatMap(({ labelWeights }) => [...labelWeights, 0])),
        origin: sequences[0]!.origin,
      };
    },
  };
}

/** Indices of the sequences of these examples, [examples · size]. */
export function sequencesOf(examples: ArrayLike<number>, size: number): Uint32Array {
  return Uint32Array.from(
    { length: examples.length * size },
    (_, i) => examples[Math.floor(i / size)]! * size + (i % size),
  );
}
