import type { Origin } from "../example.ts";

/** One example, or one part of a document, as the model sees it. */
export interface TokenSequence {
  /** Token ids, [tokens]. */
  tokens: Int32Array;
  /**
   * Label weight of each token, 0 = not a label, below 0 = a label of an answer that was disliked, [tokens]. The first is
   * 0: nothing predicts it.
   */
  labelWeights: Float32Array;
  origin: Origin;
}

export function countLabels({ labelWeights }: TokenSequence): number {
  let labels = 0;
  for (const weight of labelWeights) if (weight !== 0) labels++;
  return labels;
}
