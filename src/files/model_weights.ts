/** Where a model directory's tensors lie: one safetensors file, or shards under an index, as transformers lays them out. */
import * as z from "zod";
import { AttuneError } from "../text/errors.ts";
import { excerpt } from "../text/excerpt.ts";
import { parseWith } from "../text/schema_faults.ts";
import { type Folder, objectIn } from "./folder.ts";
import type { TensorEntry } from "./safetensors.ts";

export const SINGLE_FILE = "model.safetensors";
export const INDEX_FILE = "model.safetensors.index.json";

const Index = z.object({ weight_map: z.record(z.string(), z.string()) });

/**
 * Headers only, no weights are read. undefined when the directory holds no weights at all.
 * @throws AttuneError naming missing shards, tensors that a shard lacks, names that leave the directory, damaged headers.
 */
export async function locateTensors(folder: Folder): Promise<Map<string, TensorEntry> | undefined> {
  const single = await folder.safetensors(SINGLE_FILE);
  if (single) return single.tensors;
  const index = await objectIn(folder, INDEX_FILE);
  if (index) return locateInShards(folder, parseIndex(index, folder.place(INDEX_FILE)));
}

function parseIndex(index: unknown, path: string): Map<string, string> {
  const { weight_map } = parseWith(Index, index, { code: "files.weight-map", place: path });
  const shardOf = new Map(Object.entries(weight_map));
  for (const [tensor, shard] of shardOf) checkShardName(shard, tensor, path);
  return shardOf;
}

/** A shard is a file of the same directory: no separators of any system, no parents. */
function checkShardName(shard: string, tensor: string, path: string): void {
  if (/^[^/\\:\0]+\.safetensors$/.test(shard)) return;
  throw new AttuneError({
    code: "files.shard-name",
    place: path,
    problem: `tensor ${excerpt(tensor)} should be in ${excerpt(shard)}`,
    expected: "the name of a .safetensors file in the same directory",
  });
}

async function locateInShards(
  folder: Folder,
  shardOf: Map<string, string>,
): Promise<Map<string, TensorEntry>> {
  const shards = [...new Set(shardOf.values())];
  await checkShardsExist(folder, shards);
  const headers = new Map<string, Map<string, TensorEntry>>();
  for (const shard of shards) headers.set(shard, (await folder.safetensors(shard))!.tensors);
  checkPromises(folder.path, shardOf, headers);
  const unlisted = [...headers.values()]
    .flatMap((tensors) => [...tensors])
    .filter(([name]) => !shardOf.has(name));
  const listed = [...shardOf].map(([name, shard]): [string, TensorEntry] => [
    name,
    headers.get(shard)!.get(name)!,
  ]);
  return new Map([...listed, ...unlisted]);
}

async function checkShardsExist(folder: Folder, shards: string[]): Promise<void> {
  const there = await folder.names();
  const missing = shards.filter((shard) => !there.includes(shard));
  if (missing.length === 0) return;
  throw new AttuneError({
    code: "files.shards-missing",
    place: folder.path,
    problem: `${INDEX_FILE} names shards that are missing: ${missing.join(", ")}`,
    wayOut: "Fetch the model again",
  });
}

function checkPromises(
  directory: string,
  shardOf: Map<string, string>,
  headers: Map<string, Map<string, TensorEntry>>,
): void {
  const broken = [...shardOf].filter(([name, shard]) => !headers.get(shard)!.has(name));
  if (broken.length === 0) return;
  throw new AttuneError({
    code: "files.tensors-missing",
    place: directory,
    problem: `${INDEX_FILE} promises tensors that their shards lack: ${first(broken.map(([name, shard]) => `${name} (${shard})`))}`,
    wayOut: "Fetch the model again",
  });
}

/** A few names, and how many more there are. */
function first(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(", ");
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}
