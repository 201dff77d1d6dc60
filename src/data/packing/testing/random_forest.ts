import { randomUint32 } from "../../../random/random.ts";
import type { TokenSequence } from "../../tokenize/token_sequence.ts";

/**
 * Sequences of a step as a random forest: most go on from some length of an earlier one, some are equal to one or a prefix
 * of one. Tokens are below 300, label weights 0, 0.5, 1 or 2, of each sequence its own.
 */
export function randomForest(trial: number, { sequences: count = 12, longest = 30 } = {}): TokenSequence[] {
  let draws = 0;
  const random = (below: number) => randomUint32(trial, "forest", 0, draws++) % below;
  const sequences: TokenSequence[] = [];
  while (sequences.length < count) {
    const earlier = sequences.length > 0 ? sequences[random(sequences.length)]!.tokens : new Int32Array(0);
    const kind = random(6);
    const kept = kind === 0 ? 0 : kind === 1 ? earlier.length : random(earlier.length + 1);
    const added = kind === 1 || kind === 2 ? 0 : random(longest + 1 - Math.min(kept, longest));
    const tokens = [...earlier.subarray(0, kept), ...Array.from({ length: added }, () => random(300))];
    if (tokens.length === 0) continue;
    sequences.push({
      tokens: Int32Array.from(tokens),
      labelWeights: Float32Array.from(tokens, () => [0, 0.5, 1, 2][random(4)]!),
      origin: { file: `forest ${trial}`, row: sequences.length + 1 },
    });
  }
  return sequences;
}
