/** A matrix in 8 bits a value: entry [o, i] is codes[o, i] · absmax[o] / 127. */
export interface Packed8bit {
  /** int8 [out, in]. */
  codes: Int8Array;
  /** The largest magnitude of each row, float32 [out]: bitsandbytes' SCB. */
  absmax: Float32Array;
}

/**
 * Quantizes `weights` [rows, n / rows] by row, as LLM.int8 stores a weight (Dettmers et al. 2022,
 * https://arxiv.org/abs/2208.07339): round(w · (127 / absmax)) in float32, ties to even. A row of zeros stays zero.
 */
export function quantize8bit(weights: Float32Array, rows: number): Packed8bit {
  const columns = weights.length / rows;
  const codes = new Int8Array(weights.length);
  const absmax = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const values = weights.subarray(row * columns, (row + 1) * columns);
    absmax[row] = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    const factor = absmax[row] === 0 ? 0 : Math.fround(127 / absmax[row]!);
    for (let i = 0; i < columns; i++)
      codes[row * columns + i] = roundHalfEven(Math.fround(values[i]! * factor));
  }
  return { codes, absmax };
}

/** The matrix that `packed` stands for, row-major, in float32. */
export function dequantize8bit({ codes, absmax }: Packed8bit): Float32Array {
  const columns = codes.length / absmax.length;
  const scales = absmax.map((max) => max * INT8_SCALE);
  return Float32Array.from(codes, (code, i) => code * scales[Math.floor(i / columns)]!);
}

/** 1 / 127 in float32. */
export const INT8_SCALE = Math.fround(1 / 127);

function roundHalfEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  return rest < 0.5 || (rest === 0.5 && below % 2 === 0) ? below : below + 1;
}
