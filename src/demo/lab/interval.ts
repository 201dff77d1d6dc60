import { randomAt } from "../random.ts";

/** A figure over several seeds: the mean of the seeds' own, and the interval in which it lies with 95% of certainty. */
export interface Figure {
  value: number;
  low: number;
  high: number;
  /** Each seed's own. */
  seeds: number[];
}

/** Of one seed, what each row adds to the sums from which a figure is computed, [rows][terms]. */
export type SeedRows = readonly (readonly number[])[];

const RESAMPLES = 1000;
const [LOW, HIGH] = [0.025, 0.975];

/**
 * The mean over seeds of `of(sums)`. The interval is a bootstrap of two levels: seeds are drawn with replacement, and of each
 * its rows, so that it says how much hangs on the choice of rows and on the seed of the training. Terms of the same row are
 * drawn together: what is computed from two models' answers is paired.
 */
export function figureOf(seeds: readonly SeedRows[], of: (sums: readonly number[]) => number): Figure {
  const own = seeds.map((rows) => of(sumRows(rows, (i) => i)));
  const samples = Array.from({ length: RESAMPLES }, (_, sample) => {
    const random = randomAt("lab", sample);
    const drawn = seeds.map(() => random.pick(seeds));
    return mean(drawn.map((rows) => of(sumRows(rows, () => random.below(rows.length)))));
  }).sort((a, b) => a - b);
  const at = (share: number) => samples[Math.round(share * (RESAMPLES - 1))]!;
  return { value: mean(own), low: at(LOW), high: at(HIGH), seeds: own };
}

/** The share or mean that two terms make. */
export const quotient = ([sum, count]: readonly number[]): number => sum! / count!;

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

function sumRows(rows: SeedRows, pick: (i: number) => number): number[] {
  const sums = new Array<number>(rows[0]?.length ?? 0).fill(0);
  for (let i = 0; i < rows.length; i++) for (const [k, term] of rows[pick(i)]!.entries()) sums[k]! += term;
  return sums;
}
