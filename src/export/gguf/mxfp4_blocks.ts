/** MXFP4 as ggml keeps it: of 32 numbers their exponent, and 16 bytes that hold number i below and number i + 16 above. */
import { MXFP4_BLOCK, MXFP4_VALUES, mxfp4Scale } from "../../graph/ops/mxfp4.ts";

const HALF = MXFP4_BLOCK / 2;
const BYTES = 1 + HALF;

/** Codes by twice the magnitude; less than 0 where there is none. */
const CODES = Int8Array.from({ length: 13 }, (_, twice) => MXFP4_VALUES.indexOf(twice / 2));

/**
 * Numbers that were MXFP4's, in blocks again. The exponent is the least that reaches the largest of them: it has all numbers that
 * larger ones have.
 * @returns nothing where a number is none of them
 */
export function packMxfp4(values: Float32Array): Uint8Array<ArrayBuffer> | undefined {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint8Array((values.length / MXFP4_BLOCK) * BYTES);
  for (let block = 0; block * BYTES < out.length; block++) {
    const from = block * MXFP4_BLOCK;
    const exponent = exponentOf(bits, from);
    const doubles = 2 / mxfp4Scale(exponent);
    const codeAt = (i: number) => {
      const twice = Math.abs(values[i]!) * doubles;
      return (CODES[twice] ?? -1) | ((bits[i]! >>> 28) & 8);
    };
    out[block * BYTES] = exponent;
    for (let i = 0; i < HALF; i++) {
      const low = codeAt(from + i);
      const high = codeAt(from + i + HALF);
      if (low < 0 || high < 0) return undefined;
      out[block * BYTES + 1 + i] = low | (high << 4);
    }
  }
  return out;
}

/** The largest magnitude becomes 4 or 6; an exponent of float32 starts from 2^-127, too. */
function exponentOf(bits: Uint32Array, from: number): number {
  let largest = 0;
  for (let i = from; i < from + MXFP4_BLOCK; i++) largest = Math.max(largest, bits[i]! & 0x7fff_ffff);
  return Math.max((largest >>> 23) - 2, 0);
}

/** What the codes stand for. */
export function unpackMxfp4Blocks(bytes: Uint8Array): Float32Array {
  const values = new Float32Array((bytes.length / BYTES) * MXFP4_BLOCK);
  for (let block = 0; block * BYTES < bytes.length; block++) {
    const scale = mxfp4Scale(bytes[block * BYTES]!);
    for (let i = 0; i < HALF; i++) {
      const both = bytes[block * BYTES + 1 + i]!;
      values[block * MXFP4_BLOCK + i] = MXFP4_VALUES[both & 15]! * scale;
      values[block * MXFP4_BLOCK + HALF + i] = MXFP4_VALUES[both >> 4]! * scale;
    }
  }
  return values;
}
