/** Quantizes a model's linear layers, one weight in memory at a time. */
import { readTensor, type TensorEntry } from "../files/safetensors.ts";
import { readSafetensorsHeader } from "../files/safetensors_file.ts";
import { moduleOf } from "../files/tensor_names.ts";
import { transposed } from "../math/transposed.ts";
import { AttuneError } from "../text/errors.ts";
import { foldBitsandbytes } from "./bitsandbytes.ts";
import { bitsandbytesTensors, type ReadWeight } from "./bitsandbytes_tensors.ts";
import { codesFile, type OnWeight, type QuantizeTensorsOptions } from "./codes_file.ts";
import { isDouble, type QuantizationSettings } from "./quantization_schema.ts";
import { type ExpertsLayout, expertMatrices, stackedAgain } from "./quantize_experts.ts";
import { isQuantized } from "./quantized_entry.ts";

type Tensors = ReadonlyMap<string, TensorEntry>;
/** A model's linear layers, which of them have their weights kept as [in, out], and the experts of its mixtures. */
export interface QuantizedLayout {
  readonly linears: ReadonlyMap<string, { in: number; out: number }>;
  readonly transposed: ReadonlySet<string>;
  readonly experts?: ReadonlyMap<string, ExpertsLayout>;
}

/** What is quantized, and its reader: both as [out, in], however the checkpoint keeps it, as transformers does with Conv1D. */
export interface WeightsToQuantize {
  weights: TensorEntry[];
  read: ReadWeight;
}

/** The weights of a model's linear layers and experts. @throws AttuneError where one can't be quantized, naming it. */
export function weightsToQuantize(tensors: Tensors, layout: QuantizedLayout): WeightsToQuantize {
  const experts = expertMatrices(tensors, layout.experts);
  const turned = new Set(experts.filter(({ isTurned }) => isTurned).map(({ entry }) => entry.name));
  return {
    weights: [...linearWeights(tensors, layout), ...experts.map(({ entry }) => checked(entry))],
    async read(entry) {
      const [out, inputs] = entry.shape as [number, number];
      const values = await readTensor(entry);
      const isTurned = layout.transposed.has(moduleOf(entry.name)) || turned.has(entry.name);
      return isTurned ? transposed(values, inputs, out) : values;
    },
  };
}

function linearWeights(tensors: Tensors, { linears, transposed: turned }: QuantizedLayout): TensorEntry[] {
  return [...linears].map(([module, sizes]) => {
    const entry = checked(tensors.get(`${module}.weight`)!);
    return turned.has(module) ? { ...entry, shape: [sizes.out, sizes.in] } : entry;
  });
}

function checked(entry: TensorEntry): TensorEntry {
  const where = `${entry.file}: ${entry.name}`;
  if (isQuantized(entry))
    throw new AttuneError({
      code: "quantization.quantized-already",
      place: where,
      problem: `the weight is quantized already (${entry.parts.type})`,
      wayOut: "Leave quantization out: the model loads as it is",
    });
  if (!["F32", "F16", "BF16"].includes(entry.dtype))
    throw new AttuneError({
      code: "quantization.unsupported-dtype",
      place: where,
      expected: "F32, F16 or BF16",
      got: entry.dtype,
    });
  return entry;
}

/**
 * `tensors` with the weights of linear layers and of experts quantized, each matrix by itself. Their codes are made once and kept in a
 * file of a cache, which the runtime maps like the model's own: memory holds of them what is in use, and the next run starts at once.
 * @throws AttuneError that names the weight, or the file, at fault.
 */
export async function quantizeTensors(
  tensors: Tensors,
  layout: QuantizedLayout,
  settings: QuantizationSettings,
  options: QuantizeTensorsOptions = {},
): Promise<Map<string, TensorEntry>> {
  const { weights, read } = weightsToQuantize(tensors, layout);
  const format = [settings.type, isDouble(settings)];
  const file = await codesFile(weights, format, options, () =>
    bitsandbytesTensors(weights, settings, counted(read, weights, options.onWeight)),
  );
  const { tensors: parts } = await readSafetensorsHeader(file);
  const config = { quantization_config: { ...quantizationConfig(settings), llm_int8_skip_modules: [] } };
  const folded = await foldBitsandbytes(parts, config, file);
  return new Map([...tensors, ...stackedAgain(tensors, folded, layout.experts)]);
}

/** Each weight is read twice: tensors lie in a file in the order of their types. */
export function counted(read: ReadWeight, weights: readonly TensorEntry[], onWeight?: OnWeight): ReadWeight {
  const total = 2 * weights.length;
  let done = 0;
  return (entry) => {
    onWeight?.(done++, total);
    return read(entry);
  };
}

/** What transformers writes into config.json of such a model, as far as it isn't a default; modules `beside` the text model are as they were. */
export const quantizationConfig = (settings: QuantizationSettings, beside: readonly string[] = []) => ({
  quant_method: "bitsandbytes",
  load_in_4bit: settings.type !== "int8",
  load_in_8bit: settings.type === "int8",
  ...(settings.type !== "int8" && {
    bnb_4bit_quant_type: settings.type,
    bnb_4bit_use_double_quant: isDouble(settings),
    bnb_4bit_compute_dtype: "float32",
    bnb_4bit_quant_storage: "uint8",
  }),
  llm_int8_skip_modules: ["lm_head", ...beside],
});
