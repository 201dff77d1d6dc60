import type { TokenSequence } from "../data/tokenize/token_sequence.ts";

/**
 * Each prompt with the answer of the example before it, the first with the last one's; cut to `maxLength`. An answer
 * begins at the first label.
 */
export function mismatch(sequences: readonly TokenSequence[], maxLength: number): TokenSequence[] {
  return sequences.map((sequence, i) => {
    const other = sequences[(i + sequences.length - 1) % sequences.length]!;
    const [own, from] = [answerStart(sequence), answerStart(other)];
    const join = <A extends Int32Array | Float32Array>(a: A, b: A): number[] =>
      [...a.subarray(0, own), ...b.subarray(from)].slice(0, maxLength);
    return {
      tokens: Int32Array.from(join(sequence.tokens, other.tokens)),
      labelWeights: Float32Array.from(join(sequence.labelWeights, other.labelWeights)),
      origin: sequence.origin,
    };
  });
}

function answerStart({ labelWeights }: TokenSequence): number {
  const start = labelWeights.findIndex((weight) => weight !== 0);
  return start < 0 ? labelWeights.length : start;
}
