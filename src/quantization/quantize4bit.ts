import { CODE_TABLES, type FourBit, nearestCode } from "./code_tables.ts";

/** A tensor in 4 bits a value: two codes a byte, the first in the high half, and the largest magnitude of each block. */
export interface Packed4bit {
  /** uint8 [⌈n / 2⌉]. */
  codes: Uint8Array;
  /** float32 [⌈n / blockSize⌉]. */
  absmax: Float32Array;
}

export interface Format4bit {
  type: FourBit;
  /** Values that share a scale, counted over the flattened tensor; the last block may be shorter. */
  blockSize: number;
}

/** Values a block, as bitsandbytes' default is. */
export const BLOCK_SIZE = 64;

/**
 * Quantizes `weights` [n] as bitsandbytes' kernel does: each times 1 / absmax of its block, in float32, then the nearest
 * code (https://github.com/bitsandbytes-foundation/bitsandbytes, csrc/kernels.cu, kQuantizeBlockwise).
 */
export function quantize4bit(weights: Float32Array, { type, blockSize }: Format4bit): Packed4bit {
  const n = weights.length;
  const codes = new Uint8Array(Math.ceil(n / 2));
  const absmax = blockMaxima(weights, blockSize);
  const nearest = nearestCode[type];
  for (let block = 0; block < absmax.length; block++) {
    const factor = Math.fround(1 / absmax[block]!);
    const end = Math.min(n, (block + 1) * blockSize);
    for (let i = block * blockSize; i < end; i++) {
      const code = nearest(Math.fround(weights[i]! * factor));
      codes[i >> 1]! |= i & 1 ? code : code << 4;
    }
  }
  if (n % 2 === 1) codes[n >> 1]! |= nearest(0); // the unused half holds what 0 becomes
  return { codes, absmax };
}

/** The largest magnitude of each block: float32 [⌈n / blockSize⌉]. */
export function blockMaxima(values: Float32Array, blockSize: number): Float32Array {
  const maxima = new Float32Array(Math.ceil(values.length / blockSize));
  for (let block = 0; block < maxima.length; block++) {
    let max = 0;
    const end = Math.min(values.length, (block + 1) * blockSize);
    for (let i = block * blockSize; i < end; i++) max = Math.max(max, Math.abs(values[i]!));
    maxima[block] = max;
  }
  return maxima;
}

/** The first `n` values that `packed` stands for: code times absmax, in float32. */
export function unpack4bit({ codes, absmax }: Packed4bit, n: number, format: Format4bit): Float32Array {
  const table = CODE_TABLES[format.type];
  const values = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    const code = i & 1 ? codes[i >> 1]! & 15 : codes[i >> 1]! >> 4;
    values[i] = table[code]! * absmax[Math.floor(i / format.blockSize)]!;
  }
  return values;
}
