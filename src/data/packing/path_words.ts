import { type Key, philox } from "../../random/philox.ts";
import { randomUint32 } from "../../random/random.ts";
import type { Pack } from "./pack_row.ts";

/** Two random words of 32 bits a token, [T] each. */
export type PackWords = readonly [Int32Array, Int32Array];

/**
 * Words that are a function of (seed, purpose, step), of the token and of all it sees: a hash that runs along the path
 * from a tree's root. So they are the same however a step's sequences are packed, and where these share a prefix; examples
 * of a step that are alike from the start have the same words as far as they are.
 */
export function pathWords(
  { tokens, positions }: Pick<Pack, "tokens" | "positions">,
  seed: number,
  purpose: string,
  step: number,
): PackWords {
  const [first, second, ...key] = [0, 1, 2, 3].map((i) => randomUint32(seed, purpose, step, i));
  const words = [new Int32Array(tokens.length), new Int32Array(tokens.length)] as const;
  const latest: number[] = []; // the last token at each position: depth first, the next position's parent
  tokens.forEach((token, t) => {
    const position = positions[t]!;
    const parent = latest[position - 1];
    const [a, b] = parent === undefined ? [first!, second!] : [words[0][parent]!, words[1][parent]!];
    [words[0][t], words[1][t]] = philox([a, b, token, 0], key as Key) as unknown as [number, number];
    latest[position] = t;
  });
  return words;
}

/**
 * Words that are a function of (seed, purpose, step), of a token's position and of its whole sequence, what comes after
 * the token included. The row's sequences share nothing; those of a step that are equal have the same words.
 */
export function sequenceWords(
  row: Pick<Pack, "tokens" | "positions" | "ends">,
  seed: number,
  purpose: string,
  step: number,
): PackWords {
  const paths = pathWords(row, seed, purpose, step);
  const words = [new Int32Array(row.tokens.length), new Int32Array(row.tokens.length)] as const;
  row.ends.forEach((end, t) => {
    const [a, b] = [paths[0][end - 1]!, paths[1][end - 1]!];
    [words[0][t], words[1][t]] = philox([a, b, row.positions[t]!, 1], [0, 0]) as unknown as [number, number];
  });
  return words;
}
