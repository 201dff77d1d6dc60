import type { TensorEntry } from "../files/safetensors.ts";
import { foldBitsandbytes } from "./bitsandbytes.ts";
import { foldMxfp4 } from "./mxfp4.ts";

/**
 * `tensors` with the parts of each quantized weight folded into one entry of the weight's own name and shape; as they
 * are where none is quantized.
 * @throws AttuneError when config.json and the files contradict each other, naming both.
 */
export async function foldQuantized(
  tensors: Map<string, TensorEntry>,
  config: Record<string, unknown>,
  path: string,
): Promise<Map<string, TensorEntry>> {
  const { quantization_config: settings } = config;
  if (isObject(settings) && settings.quant_method === "mxfp4") return foldMxfp4(tensors, settings, path);
  return foldBitsandbytes(tensors, config, path);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;
