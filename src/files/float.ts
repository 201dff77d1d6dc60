import { halfBits } from "../math/half.ts";

/**
 * bfloat16 and float16 to float32 and back, in bulk, rounding to nearest with ties to even (IEEE 754, as PyTorch does).
 * 16-bit floats travel as their bit patterns in a `Uint16Array`: JavaScript has no such number type on Node 20.
 */

/** Exact. `bits` [n] -> [n]. */
export function bfloat16ToFloat32(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
  return new Float32Array(words.buffer);
}

/** Nearest bfloat16, ties to even; every NaN becomes 0x7fc0, as in PyTorch. `values` [n] -> bit patterns [n]. */
export function float32ToBfloat16(values: Float32Array): Uint16Array {
  const words = wordsOf(values);
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const word = words[i]!;
    const isNumber = (word & 0x7fff_ffff) <= 0x7f80_0000;
    // Adding 0x7fff, or 0x8000 where the kept part is odd, carries exactly when rounding up is due.
    bits[i] = !isNumber ? 0x7fc0 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return bits;
}

/** Exact. `bits` [n] -> [n]. */
export function float16ToFloat32(bits: Uint16Array): Float32Array {
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = halfValue(bits[i]!);
  return values;
}

/** Nearest float16, ties to even; above 65519.99 it is infinity, a NaN of either sign is 0x7e00. `values` [n] -> bit patterns [n]. */
export function float32ToFloat16(values: Float32Array): Uint16Array {
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) bits[i] = halfBits(values[i]!);
  return bits;
}

function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const mantissa = bits & 0x3ff;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * mantissa * 2 ** -24; // subnormal
  return sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

const wordsOf = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);
