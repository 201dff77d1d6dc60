import { sizeOf } from "../graph/tensor.ts";
import { expandScales } from "../quantization/nested_scales.ts";
import { dequantize4bit } from "../quantization/quantize4bit.ts";
import { dequantize8bit } from "../quantization/quantize8bit.ts";
import { isQuantized, type Parts4bit } from "../quantization/quantized_entry.ts";
import { readTensor, readTensorBytes, type TensorEntry } from "./safetensors.ts";

/** A weight's values, row-major, in float32, dequantized where its files hold it quantized. */
export async function readWeight(entry: TensorEntry): Promise<Float32Array> {
  if (!isQuantized(entry)) return readTensor(entry);
  const { parts } = entry;
  const bytes = await readTensorBytes(entry);
  if (parts.type === "int8")
    return dequantize8bit({ codes: new Int8Array(bytes.buffer), absmax: await readTensor(parts.absmax) });
  return dequantize4bit({ codes: bytes, absmax: await readScales(parts) }, sizeOf(entry.shape), parts);
}

async function readScales({ absmax, nested }: Parts4bit): Promise<Float32Array> {
  if (!nested) return readTensor(absmax);
  const scales = {
    codes: await readTensorBytes(absmax),
    absmax: await readTensor(nested.absmax),
    offset: nested.offset,
  };
  return expandScales(scales, await readTensor(nested.map), nested.blockSize);
}
