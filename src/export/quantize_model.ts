import { copyOf } from "../files/safetensors.ts";
import { sizeOf } from "../graph/tensor.ts";
import { familyOf } from "../models/families.ts";
import { modelLayout } from "../models/layout.ts";
import { requireFiniteWeights } from "../pretrained/finite_weights.ts";
import { saveModelDirectory } from "../pretrained/model_directory.ts";
import { openModel } from "../pretrained/open_model.ts";
import { bitsandbytesTensors } from "../quantization/bitsandbytes_tensors.ts";
import type { OnWeight } from "../quantization/codes_file.ts";
import type { QuantizationSettings } from "../quantization/quantization_schema.ts";
import { counted, quantizationConfig, weightsToQuantize } from "../quantization/quantize_tensors.ts";

export interface QuantizeOptions {
  /** Directories: the model, and where the quantized one goes, which must be free or empty. */
  model: string;
  output: string;
  quantization: QuantizationSettings;
  /** transformers 4's default, 5 GB, when left out. */
  maxShardBytes?: number;
  /** Progress callback, before each weight that is read. */
  onWeight?: OnWeight;
}

export interface QuantizeReport {
  /** Linear layers quantized, their parameters, and the bytes those take now. */
  modules: number;
  parameters: number;
  bytes: number;
}

/**
 * Writes a model whose linear layers are quantized as bitsandbytes keeps them, in a directory that transformers and
 * `openModel` load. Embeddings, norms and the output layer stay as they are. One weight is in memory at a time.
 * @throws AttuneError that names the fault.
 */
export async function quantizeModel(options: QuantizeOptions): Promise<QuantizeReport> {
  const { quantization, output, maxShardBytes } = options;
  const opened = await openModel(options.model);
  const { directory: from, model } = opened;
  await requireFiniteWeights(opened);
  const { linears, transposed } = modelLayout(model); // bitsandbytes leaves experts as they are
  const { weights, read } = weightsToQuantize(from.tensors, { linears, transposed });
  const parts = await bitsandbytesTensors(weights, quantization, counted(read, weights, options.onWeight));
  const names = new Set(weights.map(({ name }) => name));
  const others = [...from.tensors.values()].filter(({ name }) => !names.has(name)).map(copyOf);
  const config = {
    ...from.config,
    quantization_config: quantizationConfig(quantization, familyOf(model.modelType).names?.beside),
  };
  await saveModelDirectory(output, { config, tensors: [...others, ...parts], from, maxShardBytes });
  return {
    modules: weights.length,
    parameters: weights.reduce((n, { shape }) => n + sizeOf(shape), 0),
    bytes: parts.reduce((n, { dtype, shape }) => n + sizeOf(shape) * (dtype === "F32" ? 4 : 1), 0),
  };
}
