/**
 * What bitsandbytes' 4-bit codes stand for, as float32, between -1 and 1 (QLoRA, Dettmers et al. 2023,
 * https://arxiv.org/abs/2305.14314, appendix E), and where one code ends and the next begins.
 */
export type FourBit = "nf4" | "fp4";

const NF4 = Float32Array.of(
  ...[-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453],
  ...[-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0],
  ...[0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224],
  ...[0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1],
);

/** A sign bit, two exponent bits, a fraction bit; the largest of the eight magnitudes is 12. */
const MAGNITUDES = [0, 0.0625, 8, 12, 4, 6, 2, 3];
const FP4 = Float32Array.from({ length: 16 }, (_, code) => {
  const magnitude = Math.fround(MAGNITUDES[code % 8]! / 12);
  return code < 8 ? magnitude : -magnitude;
});

/** The value of each of the 16 codes: the `quant_map` of the files. */
export const CODE_TABLES: Readonly<Record<FourBit, Float32Array>> = { nf4: NF4, fp4: FP4 };

/** NF4's codes are in order: above its k-th midpoint a value is code k + 1 or more. */
const NF4_MIDPOINTS = Float32Array.from({ length: 15 }, (_, k) => (NF4[k]! + NF4[k + 1]!) / 2);

/** FP4's magnitudes in order, and what lies between them as bitsandbytes' kernel rounds it (0.583333 is not 7/12). */
const FP4_ORDER = [0, 1, 6, 7, 4, 5, 2, 3];
const FP4_MIDPOINTS = Float32Array.of(
  ...[0.00260417, 0.0859375, 0.20833333, 0.29166667, 0.4166667, 0.583333, 0.8333333],
);

const BUCKETS = 512; // for each unit, narrower than the midpoints are apart

/** The code nearest to x, a float32: the number of midpoints below it, so that a tie goes down; NaN is code 0. */
export const nearestCode: Readonly<Record<FourBit, (x: number) => number>> = {
  nf4: quickCount(NF4_MIDPOINTS),
  fp4: signedCode(quickCount(FP4_MIDPOINTS)),
};

function signedCode(count: (x: number) => number): (x: number) => number {
  return (x) => FP4_ORDER[count(Math.abs(x))]! + (x < 0 ? 8 : 0);
}

/**
 * `countBelow` for x about -1 to 1, five times as fast: a table says how many midpoints lie below x's bucket, and at most
 * one lies in it.
 */
function quickCount(midpoints: Float32Array): (x: number) => number {
  const below = Uint8Array.from({ length: 2 * BUCKETS }, (_, bucket) =>
    midpoints.reduce((n, midpoint) => n + +(midpoint < bucket / BUCKETS - 1), 0),
  );
  return (x) => {
    const count = below[Math.min(2 * BUCKETS - 1, (x + 1) * BUCKETS) | 0]!;
    return x > midpoints[count]! ? count + 1 : count;
  };
}

/** How many of the `sorted` numbers, one less than a power of two, are below x. */
export function countBelow(sorted: Float32Array, x: number): number {
  let below = 0;
  for (let step = (sorted.length + 1) / 2; step >= 1; step /= 2)
    if (x > sorted[below + step - 1]!) below += step;
  return below;
}
