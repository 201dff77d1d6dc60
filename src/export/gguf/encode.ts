/** Numbers as the bytes of a GGUF type, and back. */

import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from "../../files/float.ts";
import { placeOf } from "../../files/place_of.ts";
import { once } from "../../generation/once.ts";
import { AttuneError } from "../../text/errors.ts";
import { type Numbers, toFloat32 } from "../numbers.ts";
import { dequantizeQ4, dequantizeQ8, quantizeQ4, quantizeQ8 } from "./block_quantization.ts";
import type { GgmlType } from "./ggml_types.ts";
import { packMxfp4, unpackMxfp4Blocks } from "./mxfp4_blocks.ts";

/** Where numbers lie, for messages: in tensor `name` of this shape, from number `start` on. */
export interface Place {
  name: string;
  shape: readonly number[];
  start: number;
  /** Types that hold more, for the way out: GGUF's when left out. */
  wider?: string;
}

/**
 * @param space where the bytes may be put, where they are as many and need not be made on the way.
 * @throws AttuneError that names a number which isn't finite, or becomes infinite in `type`.
 */
export function encode(numbers: Numbers, type: GgmlType, place: Place, space?: ArrayBuffer): Uint8Array {
  const bytes = encoded(numbers, type, space);
  if (bytes) return bytes;
  throw unfit(toFloat32(numbers), type, place);
}

/** Nothing where a number isn't finite, or `type` can't hold it. */
function encoded(numbers: Numbers, type: GgmlType, space?: ArrayBuffer): Uint8Array | undefined {
  if (numbers.dtype === "BF16" && type === "F16") return halvesOf(numbers.data, space);
  if (numbers.dtype === type) return finite(copied(bytesOf(numbers.data), space), type);
  const values = toFloat32(numbers);
  switch (type) {
    case "F32":
      return finite(bytesOf(values), type);
    case "F16":
      return finite(bytesOf(float32ToFloat16(values)), type);
    case "BF16":
      return finite(bytesOf(float32ToBfloat16(values)), type);
    case "Q8_0":
      return isWithin(values, BEYOND.Q8_0) ? quantizeQ8(values) : undefined;
    case "Q4_0":
      return isWithin(values, BEYOND.Q4_0) ? quantizeQ4(values) : undefined;
    case "MXFP4":
      return packMxfp4(values);
  }
}

const finite = (bytes: Uint8Array, type: GgmlType) => (allFinite(bytes, type) ? bytes : undefined);

function copied(bytes: Uint8Array, space?: ArrayBuffer): Uint8Array {
  if (!space) return bytes;
  const copy = new Uint8Array(space, 0, bytes.length);
  copy.set(bytes);
  return copy;
}

/** What the bytes stand for. */
export function decode(bytes: Uint8Array, type: GgmlType): Float32Array {
  const own = bytes.slice(); // aligned
  switch (type) {
    case "F32":
      return new Float32Array(own.buffer);
    case "F16":
      return float16ToFloat32(new Uint16Array(own.buffer));
    case "BF16":
      return bfloat16ToFloat32(new Uint16Array(own.buffer));
    case "Q8_0":
      return dequantizeQ8(own);
    case "Q4_0":
      return dequantizeQ4(own);
    case "MXFP4":
      return unpackMxfp4Blocks(own);
  }
}

/** Of every bfloat16 the float16. */
const halves = once(() => {
  const all = Uint16Array.from({ length: 1 << 16 }, (_, bits) => bits);
  return float32ToFloat16(bfloat16ToFloat32(all));
});

/**
 * bfloat16 as float16, two to a word, four words at a time. From 2^-14 to 65280 in magnitude that is exact: exponents are counted
 * from another start, and three bits more follow the seven of the mantissa. Where any of the eight is another, they go through a
 * table.
 */
function halvesOf(bits: Uint16Array, space = new ArrayBuffer(2 * bits.length)): Uint8Array | undefined {
  const out = new Uint16Array(space, 0, bits.length);
  const table = halves();
  let exponents = 0; // a full one makes bit 15 of the sum
  const through = (from: number, to: number) => {
    for (let i = from; i < to; i++) {
      const half = table[bits[i]!]!;
      out[i] = half;
      exponents |= (half & 0x7c00) + 0x400;
    }
  };
  const count = bits.byteOffset % 4 === 0 ? 4 * (bits.length >> 3) : 0;
  const words = new Int32Array(count > 0 ? bits.buffer : space, count > 0 ? bits.byteOffset : 0, count);
  const both = new Int32Array(space, 0, count);
  for (let i = 0; i < count; i += 4) {
    const [a, b, c, d] = [words[i]!, words[i + 1]!, words[i + 2]!, words[i + 3]!];
    const [p, q, r, s] = [above(a), above(b), above(c), above(d)];
    if (((p | (p + MOST) | q | (q + MOST) | r | (r + MOST) | s | (s + MOST)) & OUTSIDE) === 0) {
      both[i] = half(a, p);
      both[i + 1] = half(b, q);
      both[i + 2] = half(c, r);
      both[i + 3] = half(d, s);
    } else through(2 * i, 2 * i + 8);
  }
  through(2 * count, bits.length);
  return (exponents & 0x8000) === 0 ? bytesOf(out) : undefined;
}

/** Two magnitudes, counted from 2^-14: less than that borrows, and sets high bits, as does what is MOST or more when it is added. */
const above = (word: number): number => (word & 0x7fff_7fff) - 0x3880_3880;
const MOST = 0x100_0100;
const OUTSIDE = 0xf000_f000;
const half = (word: number, magnitudes: number): number =>
  (word & 0x8000_8000) | ((magnitudes + 0x80_0080) << 3);

/** The least magnitude that becomes infinite; of blocks, that makes their scale so. */
const BEYOND = {
  F32: Number.POSITIVE_INFINITY,
  BF16: 2 ** 128 - 2 ** 119,
  F16: 65_520,
  Q8_0: 65_520 * 127,
  Q4_0: 65_520 * 8,
  MXFP4: Number.POSITIVE_INFINITY,
} as const;

function isWithin(values: Float32Array, limit: number): boolean {
  for (let i = 0; i < values.length; i++) if (!(Math.abs(values[i]!) < limit)) return false;
  return true;
}

/** A number isn't finite when all bits of its exponent are set. Blocks were looked at before. */
function allFinite(bytes: Uint8Array, type: GgmlType): boolean {
  if (type === "Q8_0" || type === "Q4_0") return true;
  if (type === "F32") return wordsAreFinite(bytes, 0x7f80_0000, 0x80_0000, 0x8000_0000);
  if (type === "F16") return wordsAreFinite(bytes, 0x7c00_7c00, 0x400_0400, 0x8000_8000);
  return wordsAreFinite(bytes, 0x7f80_7f80, 0x80_0080, 0x8000_8000);
}

/** A full exponent plus its lowest bit carries into the sign's place. An odd number of halves ends in two bytes more. */
function wordsAreFinite(bytes: Uint8Array, exponents: number, lowest: number, signs: number): boolean {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
  let sums = 0;
  for (let i = 0; i < words.length; i++) sums |= (words[i]! & exponents) + lowest;
  const rest = bytes.byteLength % 4 === 0 ? 0 : bytes[bytes.length - 2]! | (bytes[bytes.length - 1]! << 8);
  return ((sums | ((rest & exponents) + lowest)) & signs) === 0;
}

function unfit(
  values: Float32Array,
  type: GgmlType,
  { name, shape, start, wider = "bf16 or f32" }: Place,
): AttuneError {
  const index = values.findIndex((value) => !(Math.abs(value) < BEYOND[type]));
  const [value, at] = [values[index]!, placeOf(start + index, shape).join(", ")];
  if (!Number.isFinite(value))
    return new AttuneError({
      code: "export.not-finite",
      place: name,
      problem: `is ${value} at [${at}], and nothing can be computed from that`,
      wayOut: "Fetch the model again, or save it anew from a checkpoint whose weights are numbers",
    });
  return new AttuneError({
    code: "export.beyond-type",
    place: name,
    problem: `is ${value} at [${at}], and ${type.toLowerCase()} can't hold that`,
    wayOut: `Take --type ${wider}`,
  });
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Uint16Array | Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
