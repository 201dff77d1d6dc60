import type { FileHandle } from "node:fs/promises";
import type { Adapter } from "../../adapters/adapter.ts";
import { kindOf } from "../../adapters/kinds/kinds.ts";
import { isLora, type LoraAdapter, type LoraWeights } from "../../adapters/kinds/lora.ts";
import { scaleOf } from "../../adapters/lora/lora_config.ts";
import { ofBase } from "../../adapters/peft/tensor_names.ts";
import { writeFileAtomic } from "../../files/atomic.ts";
import type { TensorEntry } from "../../files/safetensors.ts";
import { haveSameValues } from "../../files/same_values.ts";
import { transposed } from "../../math/transposed.ts";
import type { Model } from "../../models/family.ts";
import type { Base } from "../../pretrained/base.ts";
import { isQuantized } from "../../quantization/quantized_entry.ts";
import { AttuneError } from "../../text/errors.ts";
import { float32, reorderedRows, toFloat32 } from "../numbers.ts";
import { openSource, type SourceOptions } from "../open_source.ts";
import { requireFree } from "../require_free.ts";
import { describeForLlama } from "./architectures/architectures.ts";
import type { Description } from "./architectures/description.ts";
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
  const own = await withoutCopies(adapter!, base);
  const lora = requirePlain(own, base.model, { ...options, adapter: adapterPath! });
  const description = describeForLlama(base.directory.config, base.model, base.directory.path);
  const { alpha, tensors } = lorasOf(lora, base.model, description, options);
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

/** PEFT writes the base's weight along where it adapts an end of the model: as long as it is the base's, nothing is replaced. */
async function withoutCopies(adapter: Adapter, { directory, model }: Base): Promise<Adapter> {
  const stored = new Map<string, TensorEntry>();
  const baseOf = (name: string) =>
    directory.tensors.get(name) ?? directory.tensors.get(`${model.ends.embedding}.weight`); // of a tied head
  for (const [name, entry] of adapter.stored ?? []) {
    const base = baseOf(ofBase(name));
    if (!base || isQuantized(base) || !(await haveSameValues(base, entry))) stored.set(name, entry);
  }
  return { ...adapter, stored };
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
  { type, ...paths }: LoraOptions,
): { alpha: number; tensors: LoraTensor[] } {
  const place = placing(model, description);
  const alphas = Array.from(modules, ([module, { r }]) => Math.fround(scaleOf(config, module, r) * r));
  const alpha = new Set(alphas).size === 1 ? alphas[0]! : 0;
  const number = type === "f32" ? "F32" : "F16";
  const tensors = Array.from(modules, ([module, weights]): LoraTensor[] => {
    const name = place(`${module}.weight`);
    if (name === undefined)
      throw cannot(`llama.cpp's ${description.name} has no layer for its term of ${module}`, paths);
    const scale = alpha === 0 ? scaleOf(config, module, weights.r) : 1;
    const { A, B } = placed(weights, scale, description.orders[name.split(".")[2]!]);
    return [
      { name: `${name}.lora_a`, type: number, ...A },
      { name: `${name}.lora_b`, type: number, ...B },
    ];
  });
  return { alpha, tensors: tensors.flat() };
}

/** The rows of B lie as the weight's do; an embedding's A has a row for each token. */
function placed(
  { A, B, r, in: inputs, out, embedding }: LoraWeights,
  scale: number,
  order: ((row: number) => number) | undefined,
) {
  const scaled = scale === 1 ? B : B.map((value) => value * scale);
  const rows = order ? toFloat32(reorderedRows(float32(scaled), r, order)) : scaled;
  return {
    A: embedding
      ? { shape: [inputs, r], values: transposed(A, r, inputs) }
      : { shape: [r, inputs], values: A },
    B: { shape: [out, r], values: rows },
  };
}

type Paths = Pick<SourceOptions, "model" | "adapter">;

/** @throws AttuneError when the adapter is more than terms on layers that llama.cpp adds to. */
function requirePlain(adapter: Adapter, { ends, tied }: Model, paths: Paths): LoraAdapter {
  if (!isLora(adapter)) throw cannot(`it is ${kindOf(adapter).nameOf(adapter.config)}`, paths);
  const { config, modules, parameters, tokens, stored, follows } = adapter;
  if (config.useDora) throw cannot("it is DoRA, which scales the base's rows", paths);
  const whole = [...(parameters?.keys() ?? []), ...Array.from(stored?.keys() ?? [], ofBase)];
  if (whole.length > 0) throw cannot(`it replaces weights of the base: ${few(whole)}`, paths);
  if (tokens) throw cannot(`it replaces rows of ${few([...tokens.keys()])}`, paths);
  const end = [ends.embedding, ends.head].find((module) => modules.has(module));
  if (tied && (end !== undefined || follows))
    throw cannot(`it has a term on ${end ?? ends.head}, and the base's two ends are one weight`, paths);
  return adapter;
}

const SHOWN = 3;

const few = (names: readonly string[]) =>
  names.length > SHOWN
    ? `${names.slice(0, SHOWN).join(", ")} and ${names.length - SHOWN} more`
    : names.join(", ");

const cannot = (problem: string, { model, adapter }: Paths) =>
  new AttuneError({
    code: "export.merge-only",
    place: adapter,
    problem: `an adapter as GGUF holds terms of layers alone, and ${problem}`,
    wayOut: `Merge it: attune export --model ${model} --adapter ${adapter} --format gguf --out merged.gguf`,
  });
