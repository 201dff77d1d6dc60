import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { readTensorBytes, type TensorEntry } from "../files/safetensors.ts";
import { looksLikeHubName } from "../hub/repo.ts";
import { isCoded } from "../quantization/quantized_entry.ts";
import { AttuneError } from "../text/errors.ts";
import { isSameModel } from "../text/model_name.ts";
import { type ModelDirectory, openModelDirectory } from "./model_directory.ts";

const SAMPLE = 4096; // bytes of a tensor

/**
 * Refuses an adapter that names another base than the one it is used on: another model of the hub, or a directory with
 * other weights. A copy of the hub's model by another owner or in another form, as Unsloth's, passes with a warning. What
 * can't be compared passes: a directory that is gone, or a copy of a hub's model.
 * @param baseModel base_model_name_or_path in the adapter's files
 * @param adapter the adapter's directory
 * @throws AttuneError that names both.
 */
export async function requireSameBase(
  baseModel: string | undefined,
  adapter: string,
  used: ModelDirectory,
  onWarning?: (text: string) => void,
): Promise<void> {
  if (!baseModel) return;
  const likeness = await compare(baseModel, used);
  if (likeness === "same") return;
  const [file, name] = [join(adapter, "adapter_config.json"), hubId(used.path) ?? used.path];
  if (likeness === "copy")
    onWarning?.(
      `${file}: base_model_name_or_path is ${baseModel}, by its name another copy of ${name}. It is used as the same model.`,
    );
  else
    throw new AttuneError({
      code: "pretrained.other-base",
      place: file,
      problem: `base_model_name_or_path is ${baseModel}, and ${name} is another model`,
      wayOut: `Use the adapter on ${baseModel}; or, if it is meant for both, write the other's name there`,
    });
}

async function compare(baseModel: string, used: ModelDirectory): Promise<"same" | "copy" | "other"> {
  const path = await realpath(baseModel).catch(() => undefined);
  if (path === used.path) return "same";
  const made = hubId(path ?? baseModel) ?? (path === undefined ? bareName(baseModel) : undefined);
  const now = hubId(used.path);
  if (made !== undefined && now !== undefined) {
    if (made.toLowerCase() === now.toLowerCase()) return "same";
    return isSameModel(made, now) ? "copy" : "other";
  }
  return path !== undefined && (await haveOtherWeights(path, used)) ? "other" : "same";
}

/** The hub's cache keeps `org/name` in `models--org--name/snapshots/<commit>`. */
export const hubId = (path: string): string | undefined =>
  /[\\/]models--([^\\/]+)[\\/]snapshots[\\/][^\\/]+[\\/]?$/.exec(path)?.[1]?.replace("--", "/");

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
  a.dtype === b.dtype && a.byteLength === b.byteLength && isCoded(a) === isCoded(b);
