import type { TensorEntry } from "../files/safetensors.ts";
import { modelLayout } from "../models/layout.ts";
import type { QuantizationSettings } from "../quantization/quantization_schema.ts";
import { type QuantizeTensorsOptions, quantizeTensors } from "../quantization/quantize_tensors.ts";
import { isQuantized } from "../quantization/quantized_entry.ts";
import type { Base } from "./base.ts";

/** How a base's linear layers are kept and multiplied. */
export interface LinearForm {
  quantization?: QuantizationSettings;
  /** With int8 their products are computed in integers. */
  compute?: "float32" | "int8";
}

/** The base, its linear layers quantized where the settings say so. */
export async function quantizedBase(
  base: Base,
  { quantization, compute }: LinearForm,
  options?: QuantizeTensorsOptions,
): Promise<Base> {
  if (compute === "int8") return withIntegerProducts(await int8Base(base, options));
  return quantization ? quantized(base, quantization, options) : base;
}

async function quantized(
  base: Base,
  settings: QuantizationSettings,
  options?: QuantizeTensorsOptions,
): Promise<Base> {
  const { tensors: unquantized } = base.directory;
  const tensors = await quantizeTensors(unquantized, modelLayout(base.model), settings, options);
  return { ...base, directory: { ...base.directory, tensors }, unquantized };
}

/** A model whose files are in int8 is left as it is. */
async function int8Base(base: Base, options?: QuantizeTensorsOptions): Promise<Base> {
  const entries = [...base.directory.tensors.values()];
  return entries.some(isInt8) ? base : quantized(base, { type: "int8" }, options);
}

const isInt8 = (entry: TensorEntry) => isQuantized(entry) && entry.parts.type === "int8";

function withIntegerProducts(base: Base): Base {
  const tensors = new Map(base.directory.tensors);
  for (const [name, entry] of tensors)
    if (isQuantized(entry) && entry.parts.type === "int8")
      tensors.set(name, { ...entry, parts: { ...entry.parts, integerProducts: true } } as TensorEntry);
  return { ...base, directory: { ...base.directory, tensors } };
}
