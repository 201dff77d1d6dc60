/** Whether a model's directory has every file that its index of weights names. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { ifThere, readJsonObject } from "../files/json_file.ts";
import { AttuneError } from "../text/errors.ts";

/** @throws AttuneError that lists the shards which are missing; a snapshot in the cache may be another tool's unfinished work. */
export async function checkShards(directory: string, repo: string): Promise<void> {
  const index = await ifThere(readJsonObject(join(directory, "model.safetensors.index.json")));
  if (!index || (await isThere(join(directory, "model.safetensors")))) return;
  const names = new Set(Object.values((index.weight_map ?? {}) as Record<string, unknown>).map(String));
  const missing: string[] = [];
  for (const name of names) if (!(await isThere(join(directory, name)))) missing.push(name);
  if (missing.length === 0) return;
  throw new AttuneError({
    code: "hub.missing-shards",
    place: repo,
    problem: `${missing.length} of ${names.size} files of weights are missing in ${directory}: ${missing.slice(0, 3).join(", ")}${missing.length > 3 ? ", …" : ""}`,
    wayOut: "Download it with the network on",
  });
}

const isThere = async (path: string) => (await stat(path).catch(() => undefined))?.isFile() === true;
