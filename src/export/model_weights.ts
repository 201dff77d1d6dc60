/** A model's weights as an export reads them: some numbers at a time, with an adapter's terms where there is one. */
import type { Adapter } from "../adapters/adapter.ts";
import { ofBase } from "../adapters/peft/tensor_names.ts";
import {
  type Dtype,
  fillFromTensor,
  sliceOf,
  type TensorEntry,
  type TensorSource,
} from "../files/safetensors.ts";
import { moduleOf } from "../files/tensor_names.ts";
import { readModel } from "../models/families.ts";
import type { Model } from "../models/family.ts";
import { modelLayout, weightsOf } from "../models/layout.ts";
import type { ModelDirectory } from "../pretrained/model_directory.ts";
import type { OpenModel } from "../pretrained/open_model.ts";
import { codeType, isCoded, typeBefore } from "../quantization/quantized_entry.ts";
import { readWeight } from "../quantization/read_weight.ts";
import { openSession } from "../runtime/node.ts";
import { mergedTensors, unties } from "./merged_tensors.ts";
import { bits16, float32, type Numbers, toFloat32 } from "./numbers.ts";

export interface Weight {
  name: string;
  shape: readonly number[];
  /** Of the base's file; of a quantized weight, the type it had before. */
  dtype: Numbers["dtype"];
  /** Its numbers are those of blocks of MXFP4, along what experts take in. */
  isMxfp4?: boolean;
  /** `count` numbers from number `start` on, row-major; in `space`, where that is given and they needn't be computed. */
  read(start: number, count: number, space?: ArrayBuffer): Promise<Numbers>;
}

export interface ModelWeights {
  /** As the weights are: not quantized, and untied where the adapter makes the ends differ. */
  model: Model;
  config: ModelDirectory["config"];
  /** Every parameter of the model, by its checkpoint's name. */
  weights: Map<string, Weight>;
  release(): Promise<void>;
}

/** The weights of `directory`, dequantized, with the terms of `adapter`, which fits the model. */
export async function modelWeights(
  { directory, model }: OpenModel,
  adapter?: Adapter,
): Promise<ModelWeights> {
  const { quantization_config: _, ...own } = directory.config;
  const isUntied = adapter !== undefined && model.tied && unties(adapter, model.ends);
  const config = isUntied ? { ...own, tie_word_embeddings: false } : own;
  const whole = isUntied ? readModel(config) : model;
  const { parameters, transposed, buffers } = modelLayout(whole);
  const merged = adapter && (await mergedTensors(directory.tensors, adapter, model, openSession));
  const sources = new Map(merged?.tensors.map((source) => [source.name, source]));
  const changed = adapter ? changedNames(adapter, model) : new Set<string>();
  const hold = createHolder();
  const others = [...directory.tensors.values()].find(isPlain)?.dtype ?? "BF16";
  const weights = Array.from(parameters, ([name, shape]): [string, Weight] => {
    const entry = directory.tensors.get(name);
    if (entry && isPlain(entry) && !changed.has(name)) return [name, plainWeight(name, entry)];
    const source = sources.get(name);
    if (!entry && !source && buffers.has(name)) return [name, filledWeight(name, shape, buffers.get(name)!)];
    const isTurned = transposed.has(moduleOf(name));
    const read = () => (source ? valuesOf(source) : readWeight(entry!, isTurned));
    const isMxfp4 = entry && isCoded(entry) && codeType(entry) === "mxfp4" && !changed.has(name);
    return [name, hold({ name, shape, dtype: dtypeOf(source ?? entry!, others), isMxfp4 }, read)];
  });
  return { model: whole, config, weights: new Map(weights), release: async () => merged?.release() };
}

/** The names of all that an adapter may change: to read one more of them whole does no harm. */
function changedNames({ modules, parameters, tokens, stored }: Adapter, model: Model): Set<string> {
  const touched = [...modules.keys(), ...(tokens?.keys() ?? [])].flatMap((module) =>
    weightsOf(module, model),
  );
  const fromFile = Array.from(stored?.keys() ?? [], ofBase);
  return new Set([...touched, ...fromFile, ...(parameters?.keys() ?? [])]);
}

const isPlain = (entry: TensorEntry) =>
  !isCoded(entry) && (entry.dtype === "F32" || entry.dtype === "F16" || entry.dtype === "BF16");

function dtypeOf(entry: TensorEntry | TensorSource, others: Dtype): Numbers["dtype"] {
  const own = isCoded(entry) ? typeBefore(entry, others) : entry.dtype;
  return own === "F16" || own === "BF16" ? own : "F32";
}

/** What a buffer is where the file lacks it. */
const filledWeight = (name: string, shape: readonly number[], value: number): Weight => ({
  ...{ name, shape, dtype: "F32" },
  read: async (_, count) => float32(new Float32Array(count).fill(value)),
});

const WIDTHS = { F32: 4, F16: 2, BF16: 2 };

function plainWeight(name: string, entry: TensorEntry): Weight {
  const dtype = entry.dtype as Numbers["dtype"];
  return {
    name,
    shape: entry.shape,
    dtype,
    async read(start, count, space) {
      const bytes = new Uint8Array(space ?? new ArrayBuffer(count * WIDTHS[dtype]), 0, count * WIDTHS[dtype]);
      await fillFromTensor(sliceOf(entry, start, count), bytes);
      return dtype === "F32" ? float32(new Float32Array(bytes.buffer, 0, count)) : bits16(dtype, bytes);
    },
  };
}

/** Weights that can only be had whole: one is in memory at a time. */
function createHolder() {
  let held: { name: string; values: Float32Array } | undefined;
  return (about: Omit<Weight, "read">, read: () => Promise<Float32Array>): Weight => ({
    ...about,
    async read(start, count) {
      if (held?.name !== about.name) {
        held = undefined;
        held = { name: about.name, values: await read() };
      }
      return float32(held.values.slice(start, start + count));
    },
  });
}

async function valuesOf({ dtype, data }: TensorSource): Promise<Float32Array> {
  const values = await data();
  if (values instanceof Float32Array) return values;
  return toFloat32(numbersOf(dtype, new Uint8Array(values.buffer, values.byteOffset, values.byteLength)));
}

function numbersOf(dtype: Dtype, bytes: Uint8Array): Numbers {
  const own = bytes.slice(); // aligned
  if (dtype === "F32") return float32(new Float32Array(own.buffer));
  if (dtype === "F64") return float32(Float32Array.from(new Float64Array(own.buffer)));
  if (dtype === "F16" || dtype === "BF16") return bits16(dtype, own);
  throw new Error(`a weight of type ${dtype}`);
}
