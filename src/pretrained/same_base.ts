import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { readTensorBytes, type TensorEntry } from "../files/safetensors.ts";
import { looksLikeHubName } from "../hub/repo.ts";
import { isQuantized } from "../quantization/quantized_entry.ts";
import { AttuneError } from "../text/errors.ts";
import { type ModelDirectory, openModelDirectory } from "./model_directory.ts";

const SAMPLE = 4096; // bytes of a tensor

/**
 * Refuses an adapter that names another base than the one it is used on: another model of the hub, or a directory with
 * other weights. What can't be told is let pass: a directory that is gone, or a copy of a hub's model.
 * @param baseModel base_model_name_or_path in the adapter's files
 * @throws AttuneError that names both.
 */
export async function requireSameBase(
  baseModel: string | undefined,
  adapter: string,
  used: ModelDirectory,
): Promise<void> {
  if (!baseModel || !(await isAnother(baseModel, used))) return;
  const name = hubId(used.path) ?? used.path;
  throw new AttuneError(
    `${join(adapter, "adapter_config.json")}: base_model_name_or_path is ${baseModel}, and ${name} is another model. ` +
      `Use the adapter on ${baseModel}; or, if it is meant for both, write the other's name there.`,
  );
}

async function isAnother(baseModel: string, used: ModelDirectory): Promise<boolean> {
  const path = await realpath(baseModel).catch(() => undefined);
  if (path === used.path) return false;
  const [made, now] = [path === undefined ? bareName(baseModel) : hubId(path), hubId(used.path)];
  if (made !== undefined && now !== undefined) return made.toLowerCase() !== now.toLowerCase();
  return path !== undefined && (await haveOtherWeights(path, used));
}

/** The hub's cache keeps `org/name` in `models--org--name/snapshots/<commit>`. */
const hubId = (path: string): string | undefined =>
  /[\\/]models--([^\\/]+)[\\/]snapshots[\\/][^\\/]+$/.exec(path)?.[1]?.replace("--", "/");

const bareName = (name: string): string | undefined =>
  looksLikeHubName(name) ? name.replace(/^modelscope:/, "").split("@", 1)[0] : undefined;

/** By the first bytes of each tensor that both hold in the same form: of a quantized copy those are the ends and the norms. */
async function haveOtherWeights(path: string, used: ModelDirectory): Promise<boolean> {
  const made = await openModelDirectory(path).catch(() => undefined);
  for (const [name, entry] of made?.tensors ?? []) {
    const own = used.tensors.get(name);
    if (!own || !isAlike(own, entry)) continue;
    const [a, b] = await Promise.all([own, entry].map((one) => readTensorBytes(one, SAMPLE)));
    if (Buffer.compare(a!, b!) !== 0) return true;
  }
  return false;
}

const isAlike = (a: TensorEntry, b: TensorEntry) =>
  a.dtype === b.dtype && a.byteLength === b.byteLength && isQuantized(a) === isQuantized(b);
