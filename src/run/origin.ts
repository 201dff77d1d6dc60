import { createHash } from "node:crypto";
import { join, relative } from "node:path";
import * as z from "zod";
import { ADAPTER_CONFIG_FILE, findAdapterDirectory, WEIGHTS_FILE } from "../adapters/peft/find_adapter.ts";
import { hashUnchangedFile } from "../files/file_hash.ts";
import { readJsonObject } from "../files/json_file.ts";
import type { TensorEntry } from "../files/safetensors.ts";
import type { Base } from "../pretrained/base.ts";
import { storedParts } from "../quantization/quantized_entry.ts";
import { AttuneError } from "../text/errors.ts";
import type { Recipe } from "../training/recipe.ts";
import type { RunData } from "./prepare_data.ts";

/** Hashes of all that a run is made of beside its recipe: when one has changed, it can't go on as the same run. */
export const RunOrigin = z.strictObject({
  /** Of the base's files with weights, by name. */
  weights: z.record(z.string(), z.string()),
  config: z.string(),
  tokenizer: z.string(),
  template: z.string(),
  /** Of the tokenized rows. */
  data: z.string(),
  /** Of an adapter that the run goes on from. */
  adapter: z.strictObject({ weights: z.string(), config: z.string() }).optional(),
});
export type RunOrigin = z.output<typeof RunOrigin>;

export async function runOriginOf({ adapter }: Recipe, base: Base, data: RunData): Promise<RunOrigin> {
  return {
    weights: await weightHashes(base),
    config: hashJson(base.directory.config),
    tokenizer: data.tokenizer,
    template: data.template.hash,
    data: data.hash,
    ...(adapter && "path" in adapter && { adapter: await adapterHashes(adapter.path) }),
  };
}

/** Of the files that a model was read from, by name. */
export async function weightHashes({ directory, unquantized }: Base): Promise<Record<string, string>> {
  const entries = [...(unquantized ?? directory.tensors).values()];
  const files = [...new Set(entries.flatMap(filesOf))].sort();
  const hashes: Record<string, string> = {};
  for (const file of files) hashes[relative(directory.path, file)] = await hashUnchangedFile(file);
  return hashes;
}

const filesOf = (entry: TensorEntry) => storedParts(entry).map(({ file }) => file);

export async function adapterHashes(from: string) {
  const path = await findAdapterDirectory(from);
  return {
    weights: await hashUnchangedFile(join(path, WEIGHTS_FILE)),
    config: hashJson(await readJsonObject(join(path, ADAPTER_CONFIG_FILE))),
  };
}

const hashJson = (value: unknown) => createHash("sha256").update(JSON.stringify(value)).digest("hex");

/** @throws AttuneError that names what has changed since the run at `path` was at `step`. */
export function requireSameOrigin(
  then: RunOrigin,
  now: RunOrigin,
  { path, step }: { path: string; step: number },
): void {
  const changed = changes(then, now);
  if (changed.length === 0) return;
  throw new AttuneError({
    code: "run.origin-changed",
    place: path,
    problem: `its run can't go on, as these have changed since step ${step}: ${changed.join(", ")}`,
    wayOut: "Put back what was there, choose another output, or remove that directory to begin anew",
  });
}

function changes(then: RunOrigin, now: RunOrigin): string[] {
  const files = [...new Set([...Object.keys(then.weights), ...Object.keys(now.weights)])];
  const other = files.filter((file) => then.weights[file] !== now.weights[file]);
  const rendering = [
    ...(then.tokenizer === now.tokenizer ? [] : ["the tokenizer"]),
    ...(then.template === now.template ? [] : ["the template"]),
  ];
  return [
    ...(other.length > 0 ? [`the base's weights${shown(other)}`] : []),
    ...(then.config === now.config ? [] : ["the base's config.json"]),
    ...rendering,
    ...(then.data === now.data || rendering.length > 0 ? [] : ["the data"]),
    ...(then.adapter?.weights === now.adapter?.weights ? [] : ["the adapter's weights"]),
    ...(then.adapter?.config === now.adapter?.config ? [] : ["the adapter's adapter_config.json"]),
  ];
}

/** Files of the hub's cache lie elsewhere, and are named by hashes: those say nothing to people. */
function shown(files: readonly string[]): string {
  const own = files.filter((file) => !file.startsWith(".."));
  if (own.length === 0) return "";
  const more = own.length > 3 ? ` and ${own.length - 3} more` : "";
  return ` (${own.slice(0, 3).join(", ")}${more})`;
}
