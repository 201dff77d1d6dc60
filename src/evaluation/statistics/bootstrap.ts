import { randomUint32 } from "../../random/random.ts";

/** A score's terms of each row, and what makes a value of their sums. */
export interface Measured {
  terms: readonly ArrayLike<number>[];
  value(sums: ArrayLike<number>): number;
}

/** A score with the interval in which it lies with 95% of certainty, as far as the choice of rows goes. */
export interface Interval {
  value: number;
  low: number;
  high: number;
}

const RESAMPLES = 1000;
const [LOW, HIGH] = [0.025, 0.975];

/**
 * The value of each score, with percentile intervals from rows drawn with replacement (Efron 1979). All scores are of the same
 * rows and see the same draws, so that what is computed from several, such as a difference, is paired.
 * @param draw computes the numbers wanted from the sums of each score
 */
export function bootstrap(
  scores: readonly Measured[],
  seed: number,
  draw: (values: readonly number[]) => number[] = (values) => [...values],
): Interval[] {
  const rows = scores[0]?.terms.length ?? 0;
  const valuesOf = (pick: (i: number) => number) =>
    draw(scores.map(({ terms, value }) => value(sumOf(terms, rows, pick))));
  const seen = valuesOf((i) => i);
  if (rows < 2) return seen.map((value) => ({ value, low: value, high: value }));
  const picked = new Uint32Array(rows);
  const samples = Array.from({ length: RESAMPLES }, (_, sample) => {
    for (let i = 0; i < rows; i++)
      picked[i] = Math.floor((randomUint32(seed, "bootstrap", sample, i) / 2 ** 32) * rows);
    return valuesOf((i) => picked[i]!);
  });
  return seen.map((value, k) => {
    const sorted = Float64Array.from(samples, (sample) => sample[k]!).sort();
    return { value, low: quantile(sorted, LOW), high: quantile(sorted, HIGH) };
  });
}

function sumOf(terms: Measured["terms"], rows: number, pick: (i: number) => number): Float64Array {
  const sums = new Float64Array(terms[0]?.length ?? 0);
  for (let i = 0; i < rows; i++) {
    const row = terms[pick(i)]!;
    for (let k = 0; k < sums.length; k++) sums[k]! += row[k]!;
  }
  return sums;
}

/** Between two neighbours in proportion, as NumPy's default. */
function quantile(sorted: ArrayLike<number>, share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (at - below) * (sorted[above]! - sorted[below]!);
}
