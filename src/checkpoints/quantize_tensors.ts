/** Quantizes a model's linear layers, one weight in memory at a time. */
import { createHash } from "node:crypto";
import { access, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { AttuneError } from "../errors.ts";
import { bitsandbytesTensors } from "../quantization/bitsandbytes_tensors.ts";
import { isDouble, type QuantizationSettings } from "../quantization/quantization_schema.ts";
import { isQuantized } from "../quantization/quantized_entry.ts";
import { foldQuantized } from "./bitsandbytes.ts";
import { diskError } from "./disk_error.ts";
import { readSafetensorsHeader, readTensor, type TensorEntry, writeSafetensors } from "./safetensors.ts";

type Tensors = ReadonlyMap<string, TensorEntry>;
type Linears = ReadonlyMap<string, { in: number; out: number }>;

/** What of `tensors` is quantized: the weights of `linears`. @throws AttuneError where one can't be, naming it. */
export function weightsToQuantize(tensors: Tensors, linears: Linears): TensorEntry[] {
  return [...linears].map(([module, sizes]) => {
    const entry = tensors.get(`${module}.weight`)!;
    const where = `${entry.file}: ${entry.name}`;
    if (isQuantized(entry))
      throw new AttuneError(
        `${where} is quantized already (${entry.parts.type}). Leave quantization out: it loads as it is.`,
      );
    if (!["F32", "F16", "BF16"].includes(entry.dtype))
      throw new AttuneError(`${where} is ${entry.dtype}; weights are quantized from F32, F16 or BF16`);
    if (entry.shape.join() !== [sizes.out, sizes.in].join())
      throw new AttuneError(
        `${where} is [${entry.shape}], kept transposed; layers of this family can't be quantized`,
      );
    return entry;
  });
}

/**
 * `tensors` with the weights of `linears` quantized. Their codes are made once and kept in a file of `cache`, which the
 * runtime maps like the model's own: memory holds of them what is in use, and the next run starts at once.
 * @param cache a directory; attune's own in the user's cache when left out.
 * @throws AttuneError that names the weight, or the file, at fault.
 */
export async function quantizeTensors(
  tensors: Tensors,
  linears: Linears,
  settings: QuantizationSettings,
  cache: string = defaultCache(),
): Promise<Map<string, TensorEntry>> {
  const weights = weightsToQuantize(tensors, linears);
  const file = join(cache, `${await cacheKey(weights, settings)}.safetensors`);
  if (!(await exists(file)))
    await writeSafetensors(file, await bitsandbytesTensors(weights, settings, readTensor));
  const { tensors: parts } = await readSafetensorsHeader(file);
  const config = { quantization_config: quantizationConfig(settings) };
  return new Map([...tensors, ...(await foldQuantized(parts, config, file))]);
}

/** What transformers writes into config.json of such a model, as far as it isn't a default. */
export const quantizationConfig = (settings: QuantizationSettings) => ({
  quant_method: "bitsandbytes",
  load_in_4bit: settings.type !== "int8",
  load_in_8bit: settings.type === "int8",
  ...(settings.type !== "int8" && {
    bnb_4bit_quant_type: settings.type,
    bnb_4bit_use_double_quant: isDouble(settings),
    bnb_4bit_compute_dtype: "float32",
    bnb_4bit_quant_storage: "uint8",
  }),
  llm_int8_skip_modules: ["lm_head"],
});

const FORMAT = 1; // of the files: another one, and old caches are left alone

/** Of the weights' names, types, places and files, as those are now. */
async function cacheKey(weights: readonly TensorEntry[], settings: QuantizationSettings): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify([FORMAT, settings.type, isDouble(settings)]));
  for (const file of new Set(weights.map((weight) => weight.file))) hash.update(await fileState(file));
  for (const { name, dtype, shape, file, offset } of weights)
    hash.update(JSON.stringify([name, dtype, shape, file, offset]));
  return hash.digest("hex").slice(0, 32);
}

async function fileState(file: string): Promise<string> {
  try {
    const { size, mtimeNs, ino } = await stat(file, { bigint: true });
    return `${file} ${size} ${mtimeNs} ${ino}`;
  } catch (error) {
    throw diskError(error, "read", file);
  }
}

const defaultCache = () =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "attune", "quantized");

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );
