/** A quantized weight as bitsandbytes saves it: the tensors that take the weight's place in the files. */

import { torchName } from "../files/dtype.ts";
import type { TensorEntry, TensorSource } from "../files/safetensors.ts";
import { moduleOf } from "../files/tensor_names.ts";
import { sizeOf } from "../graph/tensor.ts";
import { allFinite } from "../math/all_finite.ts";
import { AttuneError } from "../text/errors.ts";
import { pathKey } from "../text/json_scan.ts";
import { pythonJson } from "../text/python_json.ts";
import { CODE_TABLES, type FourBit } from "./code_tables.ts";
import { DYNAMIC_MAP } from "./dynamic_map.ts";
import { NESTED_BLOCK_SIZE, nestScales } from "./nested_scales.ts";
import { isDouble, type QuantizationSettings } from "./quantization_schema.ts";
import { BLOCK_SIZE, blockMaxima, type Packed4bit, quantize4bit } from "./quantize4bit.ts";
import { type Packed8bit, quantize8bit } from "./quantize8bit.ts";

/** Reads a weight of the base, row-major, in float32. */
export type ReadWeight = (entry: TensorEntry) => Promise<Float32Array>;

/**
 * Sources of the tensors that replace `weights`, each quantized when a part of it is asked for (an AttuneError names one that can't be). One weight is kept at a
 * time: a file takes the parts in the order of their types, then names, so that each weight is read twice.
 */
export async function bitsandbytesTensors(
  weights: readonly TensorEntry[],
  settings: QuantizationSettings,
  read: ReadWeight,
): Promise<TensorSource[]> {
  const { type } = settings;
  if (type === "int8") {
    const quantize = lastOnly(async (entry: TensorEntry) =>
      finite(entry, quantize8bit(await read(entry), entry.shape[0]!)),
    );
    return weights.flatMap((entry) => parts8bit(entry, quantize));
  }
  const format = { type, blockSize: BLOCK_SIZE };
  const quantize = lastOnly(async (entry: TensorEntry) =>
    finite(entry, quantize4bit(await read(entry), format)),
  );
  const sources: TensorSource[] = [];
  for (const entry of weights) {
    sources.push(...parts4bit(entry, type, quantize));
    sources.push(
      ...(isDouble(settings) ? await nestedParts(entry, type, read) : plainParts(entry, type, quantize)),
    );
  }
  return sources;
}

function finite<P extends { absmax: Float32Array }>({ file, name }: TensorEntry, packed: P): P {
  if (allFinite(packed.absmax)) return packed;
  throw new AttuneError({
    code: "quantization.not-finite",
    place: file,
    problem: `${name} holds values that are no finite numbers: it can't be quantized`,
  });
}

function parts8bit(
  entry: TensorEntry,
  quantize: (entry: TensorEntry) => Promise<Packed8bit>,
): TensorSource[] {
  const { name, shape } = entry;
  const packed = () => quantize(entry);
  return [
    { name, dtype: "I8", shape, data: async () => (await packed()).codes },
    { name: rowScales(name), dtype: "F32", shape: [shape[0]!], data: async () => (await packed()).absmax },
    { name: `${moduleOf(name)}.weight_format`, dtype: "U8", shape: [], data: () => Uint8Array.of(0) }, // by row
  ];
}

type Quantize4bit = (entry: TensorEntry) => Promise<Packed4bit>;

function parts4bit(entry: TensorEntry, type: FourBit, quantize: Quantize4bit): TensorSource[] {
  const { name, shape } = entry;
  const codes = async () => (await quantize(entry)).codes;
  return [
    { name, dtype: "U8", shape: [Math.ceil(sizeOf(shape) / 2), 1], data: codes },
    { name: `${name}.quant_map`, dtype: "F32", shape: [16], data: () => CODE_TABLES[type] },
  ];
}

function plainParts(entry: TensorEntry, type: FourBit, quantize: Quantize4bit): TensorSource[] {
  const blocks = Math.ceil(sizeOf(entry.shape) / BLOCK_SIZE);
  const absmax = async () => (await quantize(entry)).absmax;
  return [
    { name: `${entry.name}.absmax`, dtype: "F32", shape: [blocks], data: absmax },
    stateOf(entry, type),
  ];
}

/** The scales' mean stands in the state's text, whose length the file's header gives: so it is worked out first. */
async function nestedParts(entry: TensorEntry, type: FourBit, read: ReadWeight): Promise<TensorSource[]> {
  const { codes, absmax, offset } = nestScales(blockMaxima(await read(entry), BLOCK_SIZE)); // small: kept
  const name = entry.name;
  return [
    { name: `${name}.absmax`, dtype: "U8", shape: [codes.length], data: () => codes },
    { name: `${name}.nested_absmax`, dtype: "F32", shape: [absmax.length], data: () => absmax },
    { name: `${name}.nested_quant_map`, dtype: "F32", shape: [256], data: () => DYNAMIC_MAP },
    stateOf(entry, type, offset),
  ];
}

/** `QuantState.as_dict`: JSON as Python writes it, in a tensor. */
function stateOf({ name, dtype, shape }: TensorEntry, type: FourBit, offset?: number): TensorSource {
  const fields = [
    `"quant_type": "${type}", "blocksize": ${BLOCK_SIZE}`,
    `"dtype": "${torchName(dtype)}", "shape": [${shape.join(", ")}]`,
  ];
  if (offset !== undefined)
    fields.push(
      `"nested_blocksize": ${NESTED_BLOCK_SIZE}, "nested_dtype": "float32", "nested_offset": ${pythonFloat(offset)}`,
    );
  const text = new TextEncoder().encode(`{${fields.join(", ")}}`);
  return { name: stateName(name, type), dtype: "U8", shape: [text.length], data: () => text };
}

const pythonFloat = (value: number) => pythonJson(value, new Set([pathKey([])]));

export const rowScales = (name: string) => `${moduleOf(name)}.SCB`;
export const stateName = (name: string, type: string) => `${name}.quant_state.bitsandbytes__${type}`;

/** `make`, its last result kept. */
function lastOnly<K, V>(make: (key: K) => Promise<V>): (key: K) => Promise<V> {
  let last: { key: K; value: Promise<V> } | undefined;
  return (key) => {
    if (last?.key !== key) last = { key, value: make(key) };
    return last.value;
  };
}
