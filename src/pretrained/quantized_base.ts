import { modelLayout } from "../models/layout.ts";
import type { QuantizationSettings } from "../quantization/quantization_schema.ts";
import { type QuantizeTensorsOptions, quantizeTensors } from "../quantization/quantize_tensors.ts";
import type { Base } from "./base.ts";

/** The base, its linear layers quantized where `settings` say so. */
export async function quantizedBase(
  base: Base,
  settings: QuantizationSettings | undefined,
  options?: QuantizeTensorsOptions,
): Promise<Base> {
  if (!settings) return base;
  const { tensors: unquantized } = base.directory;
  const tensors = await quantizeTensors(unquantized, modelLayout(base.model), settings, options);
  return { ...base, directory: { ...base.directory, tensors }, unquantized };
}
