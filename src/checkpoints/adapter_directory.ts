/** PEFT's adapter directory: adapter_config.json and adapter_model.safetensors. */
import { type FileHandle, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Adapter, type LoraWeights, loraTensorName, pairLoraTensors } from "../adapters/peft.ts";
import { formatPeftConfig, parsePeftConfig } from "../adapters/peft_config.ts";
import { condenseTargetModules, isAllLinear } from "../adapters/target_modules.ts";
import { AttuneError } from "../errors.ts";
import { writeDirectoryAtomic, writeFilesAtomic } from "./atomic.ts";
import { diskError } from "./disk_error.ts";
import { readJsonObject } from "./json_file.ts";
import { readSafetensorsHeader, readTensor, safetensorsContent, type TensorSource } from "./safetensors.ts";

const CONFIG_FILE = "adapter_config.json";
const WEIGHTS_FILE = "adapter_model.safetensors";

/**
 * Reads a LoRA adapter, float32, float16 or bfloat16.
 * @throws AttuneError that names what is missing, foreign, wrongly shaped or not supported.
 */
export async function readAdapterDirectory(path: string): Promise<Adapter> {
  await checkFiles(path);
  const { config, baseModel } = parsePeftConfig(
    await readJsonObject(join(path, CONFIG_FILE)),
    join(path, CONFIG_FILE),
  );
  const weights = join(path, WEIGHTS_FILE);
  const pairs = pairLoraTensors((await readSafetensorsHeader(weights)).tensors, config.r, weights);
  const modules = new Map<string, LoraWeights>();
  for (const [module, pair] of pairs) {
    modules.set(module, {
      r: config.r,
      in: pair.in,
      out: pair.out,
      A: await readTensor(pair.A),
      B: await readTensor(pair.B),
    });
  }
  return { config, baseModel, modules };
}

async function checkFiles(path: string): Promise<void> {
  const files = await filesOf(path);
  const missing = [CONFIG_FILE, WEIGHTS_FILE].filter((file) => !files.includes(file));
  if (missing.length === 0) return;
  const pickled = files.includes("adapter_model.bin") && missing.includes(WEIGHTS_FILE);
  const hint = pickled
    ? " adapter_model.bin is a pickle, which is not read: save it with PEFT as safetensors."
    : "";
  throw new AttuneError(`${path} is not a PEFT adapter directory: ${missing.join(" and ")} missing.${hint}`);
}

/**
 * Writes the files as PEFT writes them, float32. A new directory appears whole; in one that exists both files are
 * replaced once both are on the disk, and other files stay.
 * @throws AttuneError when the disk refuses; what was there before stays.
 */
export async function writeAdapterDirectory(path: string, adapter: Adapter): Promise<void> {
  const content = new Map([
    [WEIGHTS_FILE, safetensorsContent(tensorsOf(adapter), { format: "pt" })],
    [CONFIG_FILE, (file: FileHandle) => file.writeFile(configOf(adapter))],
  ]);
  const into = (directory: string) =>
    writeFilesAtomic(new Map([...content].map(([file, data]) => [join(directory, file), data])));
  if (await isDirectory(path)) await into(path);
  else await writeDirectoryAtomic(path, into);
}

function configOf({ config, baseModel, modules }: Adapter): string {
  const targets = isAllLinear(config.targetModules)
    ? condenseTargetModules([...modules.keys()])
    : config.targetModules;
  return formatPeftConfig(config, targets, baseModel);
}

const tensorsOf = ({ modules }: Adapter): TensorSource[] =>
  [...modules].flatMap(([module, { A, B, r, in: inputs, out }]) => [
    { name: loraTensorName(module, "A"), dtype: "F32", shape: [r, inputs], data: () => A },
    { name: loraTensorName(module, "B"), dtype: "F32", shape: [out, r], data: () => B },
  ]);

async function filesOf(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    throw diskError(error, "read", path);
  }
}

const isDirectory = (path: string): Promise<boolean> =>
  stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  );
