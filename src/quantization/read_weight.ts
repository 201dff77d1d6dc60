import { readTensor, readTensorBytes, type TensorEntry } from "../files/safetensors.ts";
import { sizeOf } from "../graph/tensor.ts";
import { transposed } from "../math/transposed.ts";
import { unpackMxfp4 } from "./mxfp4.ts";
import { unnestScales } from "./nested_scales.ts";
import { unpack4bit } from "./quantize4bit.ts";
import { dequantize8bit } from "./quantize8bit.ts";
import {
  isQuantized,
  isStacked,
  type Parts4bit,
  type QuantizedEntry,
  type StackedEntry,
} from "./quantized_entry.ts";

/**
 * A weight's values, row-major, in float32, dequantized where its files hold it quantized.
 * @param isTurned the checkpoint keeps such a weight as [in, out]: so is what codes over [out, in] stand for, then
 */
export async function readWeight(entry: TensorEntry, isTurned = false): Promise<Float32Array> {
  if (isStacked(entry)) return readStack(entry);
  if (!isQuantized(entry)) return readTensor(entry);
  const values = await readCodes(entry);
  const [out, inputs] = entry.shape as [number, number];
  return isTurned ? transposed(values, out, inputs) : values;
}

async function readStack({ matrices, isTurned, shape }: StackedEntry): Promise<Float32Array> {
  const values = new Float32Array(sizeOf(shape));
  let at = 0;
  for (const matrix of matrices) {
    const own = await readWeight(matrix, isTurned);
    values.set(own, at);
    at += own.length;
  }
  return values;
}

async function readCodes(entry: QuantizedEntry): Promise<Float32Array> {
  const { parts } = entry;
  const bytes = await readTensorBytes(entry);
  if (parts.type === "mxfp4") return unpackMxfp4(bytes, await readTensorBytes(parts.scales));
  if (parts.type === "int8")
    return dequantize8bit({ codes: new Int8Array(bytes.buffer), absmax: await readTensor(parts.absmax) });
  return unpack4bit({ codes: bytes, absmax: await readScales(parts) }, sizeOf(entry.shape), parts);
}

async function readScales({ absmax, nested }: Parts4bit): Promise<Float32Array> {
  if (!nested) return readTensor(absmax);
  const scales = {
    codes: await readTensorBytes(absmax),
    absmax: await readTensor(nested.absmax),
    offset: nested.offset,
  };
  return unnestScales(scales, await readTensor(nested.map), nested.blockSize);
}
