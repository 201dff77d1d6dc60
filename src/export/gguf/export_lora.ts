import type { FileHandle } from "node:fs/promises";
import type { LoraAdapter, LoraWeights } from "../../adapters/kinds/lora.ts";
import { scaleOf } from "../../adapters/lora/lora_config.ts";
import { writeFileAtomic } from "../../files/atomic.ts";
import { transposed } from "../../math/transposed.ts";
import type { Model } from "../../models/family.ts";
import { float32, reorderedColumns, reorderedRows, toFloat32 } from "../numbers.ts";
import { openSource, type SourceOptions } from "../open_source.ts";
import { mergeOnly, requirePlainLora, type Target } from "../plain_lora.ts";
import { requireFree } from "../require_free.ts";
import { describeForLlama } from "./architectures/architectures.ts";
import type { Description, RowOrder } from "./architectures/description.ts";
import { checkGguf } from "./check_gguf.ts";
import { encode } from "./encode.ts";
import { f32, type GgufMetadata, type GgufTensorInfo, textValue, u32 } from "./gguf_header.ts";
import { FILE_TYPES, placing } from "./tensor_plan.ts";
import { writeGguf } from "./write_gguf.ts";

export const LORA_TYPES = ["f32", "f16"] as const;

export interface LoraOptions extends SourceOptions {
  adapter: string;
  /** The file, which must not be there yet. */
  output: string;
  type: (typeof LORA_TYPES)[number];
}

export interface LoraReport {
  architecture: string;
  /** Layers that have a term. */
  modules: number;
}

/**
 * Writes a LoRA adapter as a GGUF file, which llama.cpp and Ollama put over the base's GGUF file.
 * @throws AttuneError that names what such a file can't hold, and the command that merges it instead.
 */
export async function exportLora(options: LoraOptions): Promise<LoraReport> {
  const { output, type } = options;
  await requireFree(output);
  const { base, adapter, adapterPath } = await openSource(options);
  const target: Target = { form: "as GGUF", format: "gguf", model: options.model, adapter: adapterPath! };
  const lora = await requirePlainLora(adapter!, base, target);
  const description = describeForLlama(base.directory.config, base.model, base.directory.path);
  const { alpha, tensors } = lorasOf(lora, base.model, description, { type, target });
  const metadata: GgufMetadata = new Map([
    ["general.architecture", textValue(description.name)],
    ["general.type", textValue("adapter")],
    ["general.file_type", u32(FILE_TYPES[type].code)],
    ["adapter.type", textValue("lora")],
    ["adapter.lora.alpha", f32(alpha)],
  ]);
  await writeFileAtomic(output, async (file: FileHandle) => {
    await writeGguf(file, { metadata, tensors, content });
    const values = async ({ values }: LoraTensor, start: number, count: number) =>
      values.subarray(start, start + count);
    await checkGguf(file, { metadata, tensors, values });
  });
  return { architecture: description.name, modules: lora.modules.size };
}

interface LoraTensor extends GgufTensorInfo {
  values: Float32Array;
}

async function* content({ name, shape, type, values }: LoraTensor): AsyncGenerator<Uint8Array> {
  yield encode(float32(values), type, { name, shape, start: 0 });
}

/**
 * llama.cpp scales by alpha / rank. Where the scales of PEFT's adapter are of one alpha it is written; otherwise, as under
 * patterns, each scale goes into B, and alpha is 0, which stands for a scale of 1.
 */
function lorasOf(
  { config, modules }: LoraAdapter,
  model: Model,
  description: Description,
  { type, target }: { type: LoraOptions["type"]; target: Target },
): { alpha: number; tensors: LoraTensor[] } {
  const place = placing(model, description);
  const alphas = Array.from(modules, ([module, { r }]) => Math.fround(scaleOf(config, module, r) * r));
  const alpha = new Set(alphas).size === 1 ? alphas[0]! : 0;
  const number = type === "f32" ? "F32" : "F16";
  const tensors = Array.from(modules, ([module, weights]): LoraTensor[] => {
    const name = place(`${module}.weight`);
    if (name === undefined || description.withoutTerms.includes(moduleOf(name)))
      throw mergeOnly(`llama.cpp's ${description.name} has no layer for its term of ${module}`, target);
    const scale = alpha === 0 ? scaleOf(config, module, weights.r) : 1;
    return placesOf(name, weights.out, description).flatMap((place) => {
      const { A, B } = placed(weights, scale, place);
      return [
        { name: `${place.name}.lora_a`, type: number, ...A },
        { name: `${place.name}.lora_b`, type: number, ...B },
      ];
    });
  });
  return { alpha, tensors: tensors.flat() };
}

/** llama.cpp's name without the block and what it is of the module. */
const moduleOf = (name: string) => name.replace(/^blk\.\d+\.|\.[^.]+$/g, "");

/** Where rows and columns of a term lie, which are a tensor's of llama.cpp. */
interface Place {
  name: string;
  rows: number;
  order?: RowOrder;
  columns?: RowOrder;
}

/** The tensors that a layer's term is for: several where llama.cpp has its weight as several. */
function placesOf(name: string, out: number, { orders, columns, parts }: Description): Place[] {
  const module = moduleOf(name);
  const several = parts[module];
  if (!several) return [{ name, rows: out, order: orders[module], columns: columns[module] }];
  return several.map(({ module: own, ...part }) => ({ ...part, name: name.replace(module, own) }));
}

/** The rows of B and the columns of A lie as the weight's do; an embedding's A has a row for each token. */
function placed(
  { A, B, r, in: inputs, embedding }: LoraWeights,
  scale: number,
  { rows, order, columns }: Place,
) {
  const scaled = scale === 1 ? B : B.map((value) => value * scale);
  const own = order ? toFloat32(reorderedRows(float32(scaled), { width: r, rows, from: order })) : scaled;
  const wide = columns ? toFloat32(reorderedColumns(float32(A), { width: inputs, from: columns })) : A;
  return {
    A: embedding
      ? { shape: [inputs, r], values: transposed(wide, r, inputs) }
      : { shape: [r, inputs], values: wide },
    B: { shape: [rows, r], values: own },
  };
}
