import { bfloat16ToFloat32, float16ToFloat32 } from "./float.ts";
import { placeOf } from "./place_of.ts";
import { scanTensor, type TensorEntry } from "./safetensors.ts";
import type { Dtype } from "./safetensors_header.ts";

/** A number of a tensor that is NaN or infinite. */
export interface NotFiniteNumber {
  entry: TensorEntry;
  /** Its place in the tensor, row-major. */
  index: number;
  value: number;
}

/** The first of `entries` that holds a number that isn't finite; tensors of other types than floats hold none. */
export async function findNotFinite(entries: Iterable<TensorEntry>): Promise<NotFiniteNumber | undefined> {
  for (const entry of entries) {
    const format = FORMATS[entry.dtype];
    const found = format && (await scan(entry, format));
    if (found) return found;
  }
  return undefined;
}

/** As messages call it: "NaN at [3, 5]". */
export function describeNotFinite({ entry, index, value }: NotFiniteNumber): string {
  return `${value} at [${placeOf(index, entry.shape).join(", ")}]`;
}

async function scan(entry: TensorEntry, format: Format): Promise<NotFiniteNumber | undefined> {
  let found: NotFiniteNumber | undefined;
  await scanTensor(entry, (bytes, at) => {
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
    const isHit = hasFullExponent(words, format) || bytes.length % 4 !== 0;
    const numbers = isHit ? format.decode(bytes.slice().buffer) : new Float32Array();
    const i = numbers.findIndex((value) => !Number.isFinite(value));
    if (i < 0) return true;
    found = { entry, index: at / format.width + i, value: numbers[i]! };
    return false;
  });
  return found;
}

/** A type of floats: a number isn't finite when all bits of its exponent are set. */
interface Format {
  /** Bytes a number. */
  width: number;
  /** The bits of the exponents in four bytes, and of each exponent the lowest. */
  exponents: number;
  lowest: number;
  decode(bytes: ArrayBuffer): Float32Array;
}

const FORMATS: Partial<Record<Dtype, Format>> = {
  BF16: {
    width: 2,
    exponents: 0x7f80_7f80,
    lowest: 0x80_0080,
    decode: (bytes) => bfloat16ToFloat32(new Uint16Array(bytes)),
  },
  F16: {
    width: 2,
    exponents: 0x7c00_7c00,
    lowest: 0x400_0400,
    decode: (bytes) => float16ToFloat32(new Uint16Array(bytes)),
  },
  F32: {
    width: 4,
    exponents: 0x7f80_0000,
    lowest: 0x80_0000,
    decode: (bytes) => new Float32Array(bytes),
  },
};

/** A full exponent plus its lowest bit carries into the sign's place: one sum tests four bytes, whatever is in them. */
function hasFullExponent(words: Int32Array, { exponents, lowest, width }: Format): boolean {
  const sum = (i: number) => (words[i]! & exponents) + lowest;
  let sums = 0;
  let i = 0;
  for (; i + 4 <= words.length; i += 4) sums |= sum(i) | sum(i + 1) | sum(i + 2) | sum(i + 3);
  for (; i < words.length; i++) sums |= sum(i);
  return (sums & (width === 2 ? 0x8000_8000 : 0x8000_0000)) !== 0;
}
