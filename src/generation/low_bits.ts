import type { TensorEntry } from "../files/safetensors.ts";
import type { Model } from "../models/family.ts";
import { modelLayout } from "../models/layout.ts";
import { type BlockCandidate, blockTensors } from "../quantization/block_tensors.ts";
import type { QuantizeTensorsOptions } from "../quantization/codes_file.ts";
import { isQuantized } from "../quantization/quantized_entry.ts";
import { AttuneError } from "../text/errors.ts";
import { LOW_BIT_HEAD } from "./low_bit_head.ts";

/** What products with frozen weights are computed in while a model talks. */
export type DecodingCompute = "float32" | "int8" | "int4";

const BITS = { int8: 8, int4: 4 } as const;

/**
 * A base's tensors with its linear layers and its output layer in blocks of codes, as GGUF's Q8_0 and Q4_0.
 * @throws AttuneError where the base is quantized already.
 */
export async function lowBitTensors(
  model: Model,
  tensors: ReadonlyMap<string, TensorEntry>,
  compute: keyof typeof BITS,
  options?: QuantizeTensorsOptions,
): Promise<Map<string, TensorEntry>> {
  const quantized = [...tensors.values()].find(isQuantized);
  if (quantized)
    throw new AttuneError({
      code: "generation.low-bits-of-quantized",
      place: `${quantized.file}: ${quantized.name}`,
      problem: `compute ${compute} keeps weights in blocks of codes, and this one is in ${quantized.parts.type}`,
      wayOut: "Leave compute out, or give the model that isn't quantized",
    });
  const { linears, transposed } = modelLayout(model);
  const layers = [...linears].flatMap(([module, { in: inputs, out }]): BlockCandidate[] => {
    const name = `${module}.weight`;
    const entry = tensors.get(name);
    return entry ? [{ entry, name, out, inputs, isTurned: transposed.has(module) }] : [];
  });
  return new Map<string, TensorEntry>([
    ...tensors,
    ...(await blockTensors([...layers, ...headOf(model, tensors)], BITS[compute], options)),
  ]);
}

function headOf({ ends }: Model, tensors: ReadonlyMap<string, TensorEntry>): BlockCandidate[] {
  const entry = tensors.get(`${ends.head}.weight`) ?? tensors.get(`${ends.embedding}.weight`);
  if (!entry) return [];
  const [out, inputs] = entry.shape as [number, number];
  return [{ entry, name: LOW_BIT_HEAD, out, inputs, isTurned: false }];
}
