/** Numbers in the type they are kept in, 16-bit floats as their bits: what need not be converted is not. */
import { bfloat16ToFloat32, float16ToFloat32 } from "../files/float.ts";

export type Numbers = { dtype: "F32"; data: Float32Array } | { dtype: "F16" | "BF16"; data: Uint16Array };

export const float32 = (data: Float32Array): Numbers => ({ dtype: "F32", data });

/** @param bytes little-endian; their buffer is used as it is. */
export const bits16 = (dtype: "F16" | "BF16", bytes: Uint8Array): Numbers => ({
  dtype,
  data: new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2),
});

export function toFloat32({ dtype, data }: Numbers): Float32Array {
  if (dtype === "F32") return data;
  return dtype === "F16" ? float16ToFloat32(data) : bfloat16ToFloat32(data);
}

/** The same numbers in another order: number i of what comes out is number `from(i)`. */
export function reordered(numbers: Numbers, count: number, from: (index: number) => number): Numbers {
  if (numbers.dtype === "F32") {
    const data = new Float32Array(count);
    for (let i = 0; i < count; i++) data[i] = numbers.data[from(i)]!;
    return { dtype: "F32", data };
  }
  const data = new Uint16Array(count);
  for (let i = 0; i < count; i++) data[i] = numbers.data[from(i)]!;
  return { dtype: numbers.dtype, data };
}

/** `rows` rows of `width` numbers in another order: row i of what comes out is row `from(i)`. */
export function reorderedRows(
  numbers: Numbers,
  { width, rows, from }: { width: number; rows: number; from: (row: number) => number },
): Numbers {
  const data = numbers.dtype === "F32" ? new Float32Array(rows * width) : new Uint16Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const source = from(row) * width;
    data.set(numbers.data.subarray(source, source + width), row * width);
  }
  return { dtype: numbers.dtype, data } as Numbers;
}

/** Rows of `width` numbers whose columns are in another order: column i of what comes out is column `from(i)`. */
export function reorderedColumns(
  numbers: Numbers,
  { width, from }: { width: number; from: (column: number) => number },
): Numbers {
  const sources = Array.from({ length: width }, (_, column) => from(column));
  return reordered(numbers, numbers.data.length, (i) => i - (i % width) + sources[i % width]!);
}

/** [rows, columns] as [columns, rows]. */
export function turned(numbers: Numbers, rows: number, columns: number): Numbers {
  return reordered(numbers, rows * columns, (i) => (i % rows) * columns + Math.floor(i / rows));
}
