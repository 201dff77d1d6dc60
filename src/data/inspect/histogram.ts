/** How many values lie in each of equal ranges. */
export interface Histogram {
  least: number;
  most: number;
  mean: number;
  median: number;
  /** The value 95 of 100 don't exceed. */
  p95: number;
  /** Range `i` is [from, to]; both ends are values that can occur. */
  bins: { from: number; to: number; count: number }[];
}

const BINS = 12;

/** Of whole numbers. */
export function histogram(values: readonly number[] | Uint32Array): Histogram {
  const sorted = Uint32Array.from(values).sort();
  const [least, most] = [sorted[0] ?? 0, sorted.at(-1) ?? 0];
  const width = Math.max(1, Math.ceil((most - least + 1) / BINS));
  const bins = Array.from({ length: Math.ceil((most - least + 1) / width) }, (_, i) => {
    const from = least + i * width;
    return { from, to: Math.min(from + width - 1, most), count: 0 };
  });
  let sum = 0;
  for (const value of sorted) {
    bins[Math.floor((value - least) / width)]!.count++;
    sum += value;
  }
  const quantile = (q: number) => sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0;
  const mean = sorted.length === 0 ? 0 : sum / sorted.length;
  return { least, most, mean, median: quantile(0.5), p95: quantile(0.95), bins };
}
