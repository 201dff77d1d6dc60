import { ROW_BLOCK } from "../graph/ops/block_matmul.ts";

/** A matrix in blocks of 32 numbers that share a scale. */
export interface PackedBlocks {
  /** With 4 bits two to a byte, the first in the low half. */
  codes: Uint8Array;
  /** One a block. */
  scales: Float32Array;
}

/** As ggml's Q8_0 and Q4_0, but for scales, which are not rounded to 16 bits. `weights`: whole blocks. */
export const quantizeBlocks = (weights: Float32Array, bits: 4 | 8): PackedBlocks =>
  bits === 8 ? in8bits(weights) : in4bits(weights);

/** code - 128 = round(w / scale), the largest magnitude at 127. */
function in8bits(weights: Float32Array): PackedBlocks {
  const codes = new Uint8Array(weights.length);
  const scales = new Float32Array(weights.length / ROW_BLOCK);
  for (let block = 0; block < scales.length; block++) {
    const start = block * ROW_BLOCK;
    const scale = Math.fround(Math.abs(largestOf(weights, start)) / 127);
    const inverse = scale === 0 ? 0 : 1 / scale;
    scales[block] = scale;
    for (let i = start; i < start + ROW_BLOCK; i++) codes[i] = Math.round(weights[i]! * inverse) + 128;
  }
  return { codes, scales };
}

/** code - 8 = round(w / scale), the number of the largest magnitude at -8. */
function in4bits(weights: Float32Array): PackedBlocks {
  const codes = new Uint8Array(weights.length / 2);
  const scales = new Float32Array(weights.length / ROW_BLOCK);
  for (let block = 0; block < scales.length; block++) {
    const start = block * ROW_BLOCK;
    const scale = Math.fround(largestOf(weights, start) / -8);
    const inverse = scale === 0 ? 0 : 1 / scale;
    scales[block] = scale;
    for (let i = start; i < start + ROW_BLOCK; i += 2)
      codes[i / 2] = nibble(weights[i]! * inverse) | (nibble(weights[i + 1]! * inverse) << 4);
  }
  return { codes, scales };
}

const nibble = (x: number): number => Math.min(15, Math.trunc(x + 8.5));

/** The number of the largest magnitude in a block, with its sign. */
function largestOf(weights: Float32Array, start: number): number {
  let largest = 0;
  for (let i = start; i < start + ROW_BLOCK; i++)
    if (Math.abs(weights[i]!) > Math.abs(largest)) largest = weights[i]!;
  return largest;
}
