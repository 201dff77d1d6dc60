import type { TensorEntry } from "../files/safetensors.ts";
import { modelLayout } from "../models/layout.ts";
import type { QuantizeTensorsOptions } from "../quantization/codes_file.ts";
import type { QuantizationSettings } from "../quantization/quantization_schema.ts";
import { type QuantizedLayout, quantizeTensors } from "../quantization/quantize_tensors.ts";
import { isQuantized, type QuantizedEntry } from "../quantization/quantized_entry.ts";
import { AttuneError } from "../text/errors.ts";
import type { Base } from "./base.ts";

/** How a base's frozen linear layers are kept and multiplied. */
export interface LinearForm {
  quantization?: QuantizationSettings;
  /** With int8 their products are computed in integers. */
  compute?: "float32" | "float16" | "int8";
}

/** The base, its linear layers quantized where the settings say so. */
export async function quantizedBase(
  base: Base,
  { quantization, compute }: LinearForm,
  options?: QuantizeTensorsOptions,
): Promise<Base> {
  if (compute === "int8") return withRoundedHead(withIntegerProducts(await int8Base(base, options)), options);
  return quantization ? quantized(base, quantization, options) : base;
}

async function quantized(
  base: Base,
  settings: QuantizationSettings,
  options?: QuantizeTensorsOptions,
  layout: QuantizedLayout = modelLayout(base.model),
): Promise<Base> {
  const { tensors: unquantized } = base.directory;
  const tensors = await quantizeTensors(unquantized, layout, settings, options);
  return { ...base, directory: { ...base.directory, tensors }, unquantized };
}

/** A model whose files are in int8 is left as it is. @throws AttuneError when they are in 4 bits. */
async function int8Base(base: Base, options?: QuantizeTensorsOptions): Promise<Base> {
  const codes = [...base.directory.tensors.values()].filter(isQuantized);
  const other = codes.find(({ parts }) => parts.type !== "int8");
  if (other)
    throw new AttuneError({
      code: "pretrained.int8-of-4-bit",
      place: `${other.file}: ${other.name}`,
      problem: `compute int8 multiplies by weights in 8 bits, and this one is in ${other.parts.type}`,
      wayOut: "Leave compute out, or give the model that isn't quantized",
    });
  const { linears, transposed } = modelLayout(base.model); // experts' products stay in float32
  return codes.length > 0 ? base : quantized(base, { type: "int8" }, options, { linears, transposed });
}

function withIntegerProducts(base: Base): Base {
  const tensors = new Map(base.directory.tensors);
  for (const [name, entry] of tensors)
    if (isQuantized(entry) && entry.parts.type === "int8")
      tensors.set(name, { ...entry, parts: { ...entry.parts, integerProducts: true } } as TensorEntry);
  return { ...base, directory: { ...base.directory, tensors } };
}

/** The output layer as it is and in 8 bits: it may be the embedding, whose rows are read exactly. */
async function withRoundedHead(base: Base, options?: QuantizeTensorsOptions): Promise<Base> {
  const { ends, tied } = base.model;
  const module = tied ? ends.embedding : ends.head;
  const name = `${module}.weight`;
  const entry = base.directory.tensors.get(name);
  if (!entry || isQuantized(entry)) return base;
  const [out, inputs] = entry.shape as [number, number];
  const layout = { linears: new Map([[module, { in: inputs, out }]]), transposed: new Set<string>() };
  const coded = await quantizeTensors(new Map([[name, entry]]), layout, { type: "int8" }, options);
  const rounded = coded.get(name) as QuantizedEntry;
  const tensors = new Map(base.directory.tensors).set(name, { ...entry, rounded } as TensorEntry);
  return { ...base, directory: { ...base.directory, tensors } };
}
