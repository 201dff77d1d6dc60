import { randomUint32 } from "../../random/random.ts";
import type { Measured } from "./bootstrap.ts";

const TRIALS = 2000;

/**
 * How likely a difference at least as large is by chance alone, when the two are equally good: in each trial every row's
 * results change sides or not, at random (approximate randomization, Noreen 1989; two-sided). 1 / 2001 at least.
 */
export function pairedTest(a: Measured, b: Measured, seed: number): number {
  const rows = a.terms.length;
  if (rows === 0) return 1;
  const [sumA, sumB] = [sum(a), sum(b)];
  const seen = Math.abs(b.value(sumB) - a.value(sumA));
  const moves = a.terms.map((terms, i) => Float64Array.from(terms, (term, k) => b.terms[i]![k]! - term));
  let asLarge = 0;
  for (let trial = 0; trial < TRIALS; trial++) {
    const [left, right] = [sumA.slice(), sumB.slice()];
    for (let i = 0; i < rows; i++) {
      const word = randomUint32(seed, "paired test", trial, i >>> 5);
      if ((word >>> (i & 31)) & 1) move(left, right, moves[i]!);
    }
    if (Math.abs(b.value(right) - a.value(left)) >= seen - 1e-12) asLarge++;
  }
  return (asLarge + 1) / (TRIALS + 1);
}

function move(left: Float64Array, right: Float64Array, by: Float64Array): void {
  for (let k = 0; k < by.length; k++) {
    left[k]! += by[k]!;
    right[k]! -= by[k]!;
  }
}

function sum({ terms }: Measured): Float64Array {
  const sums = new Float64Array(terms[0]!.length);
  for (const row of terms) for (let k = 0; k < sums.length; k++) sums[k]! += row[k]!;
  return sums;
}
