import { torchName } from "../files/dtype.ts";
import type { TensorEntry } from "../files/safetensors.ts";
import { blockWeight, ROW_BLOCK } from "../graph/ops/block_matmul.ts";
import { cast, scale } from "../graph/ops/elementwise.ts";
import { int8Weight } from "../graph/ops/int8_matmul.ts";
import { MXFP4_BLOCK, mxfp4Matrix } from "../graph/ops/mxfp4.ts";
import { dequantize4bit, dequantizeRows, expandScales } from "../graph/ops/quantized_matmul.ts";
import { stackedMatrices } from "../graph/ops/stack.ts";
import { constant, type RoundedMatrix, type WeightSource, weight } from "../graph/sources.ts";
import { COMPUTE_TYPE, sizeOf, type Tensor } from "../graph/tensor.ts";
import { type BlockEntry, isInBlocks } from "../quantization/block_entry.ts";
import { INT8_SCALE } from "../quantization/quantize8bit.ts";
import {
  isQuantized,
  isRounded,
  isStacked,
  type Parts4bit,
  type Parts8bit,
  type PartsMxfp4,
  type QuantizedEntry,
} from "../quantization/quantized_entry.ts";
import { AttuneError } from "../text/errors.ts";
import type { ParameterSource } from "./scope.ts";

/** Parameters as they lie in their files, mapped in place and read in the type that is computed in. */
export function frozenParameters(tensors: ReadonlyMap<string, TensorEntry>): ParameterSource {
  const made = new Map<string, Tensor>();
  return (name, shape, start) => {
    const known = made.get(name);
    if (known) return known;
    if (start !== undefined && !tensors.has(name)) return constant(Array(sizeOf(shape)).fill(start), shape);
    const entry = tensors.get(name)!;
    const tensor = frozenParameter(entry);
    made.set(name, tensor);
    return tensor;
  };
}

export function frozenParameter(entry: TensorEntry): Tensor {
  if (isInBlocks(entry)) return inBlocks(entry);
  if (isStacked(entry))
    return stackedMatrices(...entry.matrices.map(quantizedParameter), { turned: entry.isTurned });
  return isQuantized(entry) ? quantizedParameter(entry) : cast(inPlace(entry), COMPUTE_TYPE);
}

function inBlocks(entry: BlockEntry): Tensor {
  const { name, shape, blocks } = entry;
  const [out, inputs] = shape as [number, number];
  const codes = weight(
    `${name} codes`,
    { dtype: "uint8", shape: [out, inputs / ROW_BLOCK, 4 * blocks.bits] },
    placeOf(entry),
  );
  return blockWeight(codes, inPlace(blocks.scales), { bits: blocks.bits, shape: [out, inputs] });
}

function inPlace(entry: TensorEntry): Tensor {
  const dtype = torchName(entry.dtype);
  if (dtype) return weight(entry.name, { dtype, shape: entry.shape }, placeOf(entry), roundedOf(entry));
  throw new AttuneError({
    code: "models.unsupported-dtype",
    place: `${entry.file}: ${entry.name}`,
    expected: "F32, F16 or BF16",
    got: entry.dtype,
  });
}

function roundedOf(entry: TensorEntry): RoundedMatrix | undefined {
  if (!isRounded(entry)) return undefined;
  const { parts, ...codes } = entry.rounded;
  return { codes: placeOf(codes), absmax: placeOf((parts as Parts8bit).absmax) };
}

/** Bytes of a file or a Blob, which the runtime reads or maps, or those in memory. */
function placeOf({ file, offset, byteLength, source }: TensorEntry): WeightSource {
  if (source.bytes) return { bytes: source.bytes.subarray(offset, offset + byteLength) };
  return { file, offset, byteLength, ...(source.blob && { blob: source.blob }) };
}

/** What its codes stand for; products of linear layers read the codes themselves. */
function quantizedParameter(entry: QuantizedEntry): Tensor {
  const { name, shape, parts } = entry;
  if (parts.type === "mxfp4") return mxfp4Parameter(entry, parts);
  if (parts.type === "int8") {
    const matrix = parts.integerProducts ? int8Weight : dequantizeRows;
    return matrix(
      weight(name, { dtype: "int8", shape }, placeOf(entry)),
      scale(inPlace(parts.absmax), INT8_SCALE),
    );
  }
  const codes = bytes(entry, Math.ceil(sizeOf(shape) / 2));
  const { type, blockSize } = parts;
  return dequantize4bit(codes, blockScales(parts), { type, blockSize, shape: shape as [number, number] });
}

function mxfp4Parameter(entry: QuantizedEntry, { scales }: PartsMxfp4): Tensor {
  const [out, inputs] = entry.shape as [number, number];
  const count = inputs / MXFP4_BLOCK;
  const codes = (part: TensorEntry, shape: number[]) =>
    weight(part.name, { dtype: "uint8", shape }, placeOf(part));
  return mxfp4Matrix(codes(entry, [out, count, MXFP4_BLOCK / 2]), codes(scales, [out, count]));
}

/** Scales that are quantized themselves stay so in memory, too. */
function blockScales({ absmax, nested }: Parts4bit): Tensor {
  if (!nested) return inPlace(absmax);
  const { map, absmax: nestedAbsmax, offset, blockSize } = nested;
  const n = sizeOf(absmax.shape);
  const whole = n % blockSize === 0 && [n / blockSize, blockSize];
  return expandScales(
    weight(absmax.name, { dtype: "uint8", shape: whole || [n] }, placeOf(absmax)),
    inPlace(map),
    inPlace(whole ? { ...nestedAbsmax, shape: [whole[0]!, 1] } : nestedAbsmax),
    constant([offset], []),
    { blockSize },
  );
}

const bytes = (entry: TensorEntry, count: number): Tensor =>
  weight(entry.name, { dtype: "uint8", shape: [count] }, placeOf(entry));
