const LANES = 8; // of PyTorch's vectors of float32
const ROWS = 4; // vectors that are added side by side
const LEVELS = 4;

/**
 * The mean of float32 values to the bit that PyTorch's CPU kernel gives on one thread: it adds in another order than a
 * plain loop, and bitsandbytes' files hold the result (`cascade_sum`, aten/src/ATen/native/cpu/SumKernel.cpp).
 */
export function torchMean(values: Float32Array): number {
  const lanes = values.length < LANES ? 1 : LANES;
  const vectors = Math.floor(values.length / lanes);
  const sums = cascade(values, lanes, Math.floor(vectors / ROWS));
  for (let v = vectors - (vectors % ROWS); v < vectors; v++)
    for (let k = 0; k < lanes; k++) sums[k]! += values[v * lanes + k]!;
  for (let row = 1; row < ROWS; row++) for (let k = 0; k < lanes; k++) sums[k]! += sums[row * lanes + k]!;
  let sum = 0;
  for (let i = vectors * lanes; i < values.length; i++) sum = Math.fround(sum + values[i]!);
  for (let k = 0; k < lanes; k++) sum = Math.fround(sum + sums[k]!);
  return Math.fround(sum / values.length);
}

/** Sums of the columns of `values` [count, ROWS · lanes], in partial sums of partial sums. */
function cascade(values: Float32Array, lanes: number, count: number): Float32Array {
  const width = ROWS * lanes;
  const levels = Array.from({ length: LEVELS }, () => new Float32Array(width));
  const power = Math.max(4, Math.floor(Math.ceil(Math.log2(Math.max(1, count))) / LEVELS));
  const step = 2 ** power;
  const addRow = (i: number) => addTo(levels[0]!, values.subarray(i * width, (i + 1) * width));
  let i = 0;
  while (i + step <= count) {
    for (const end = i + step; i < end; i++) addRow(i);
    for (let level = 1; level < LEVELS; level++) {
      addTo(levels[level]!, levels[level - 1]!);
      levels[level - 1]!.fill(0);
      if (Math.floor(i / 2 ** (level * power)) % step !== 0) break;
    }
  }
  for (; i < count; i++) addRow(i);
  for (let level = 1; level < LEVELS; level++) addTo(levels[0]!, levels[level]!);
  return levels[0]!;
}

function addTo(sums: Float32Array, terms: Float32Array): void {
  for (let k = 0; k < sums.length; k++) sums[k]! += terms[k]!;
}
