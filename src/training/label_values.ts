import type { Pack } from "../data/packing/pack.ts";
import type { TokenSequence } from "../data/tokenize/token_sequence.ts";

/** A number for each token of each sequence of a step: [sequences][T]. */
export type ByToken = Float64Array[];

export const zerosByToken = (sequences: readonly TokenSequence[]): ByToken =>
  sequences.map(({ tokens }) => new Float64Array(tokens.length));

/** Puts the values of a row's labels [S] at the tokens that they predict. */
export function takeValues({ uses }: Pack, values: Float32Array, into: ByToken): void {
  for (let u = 0; u < uses.label.length; u++)
    into[uses.sequence[u]!]![uses.token[u]!] = values[uses.label[u]!]!;
}

/** The weight of each label of a row [S]: the sum over the tokens that it predicts, times `factor`. */
export function labelWeightsOf(
  { uses, targets }: Pack,
  weights: readonly Float64Array[],
  factor = 1,
): Float32Array {
  const sums = new Float64Array(targets.length);
  for (let u = 0; u < uses.label.length; u++)
    sums[uses.label[u]!]! += weights[uses.sequence[u]!]![uses.token[u]!]!;
  return Float32Array.from(sums, (sum) => sum * factor);
}
