/** A model's files as transformers 4 and 5 write them: config, weights, tokenizer, chat template. */
import { type Folder, jsonIn, objectIn } from "../files/folder.ts";
import { locateTensors, SINGLE_FILE } from "../files/model_weights.ts";
import type { TensorEntry } from "../files/safetensors.ts";
import { familyNames } from "../models/checkpoint_names.ts";
import { familyOf } from "../models/families.ts";
import type { Family } from "../models/family.ts";
import { likelyFamilies } from "../models/likely_families.ts";
import { foldQuantized } from "../quantization/fold_quantized.ts";
import type { TemplateSources } from "../templates/template_sources.ts";
import { AttuneError } from "../text/errors.ts";
import { readChatTemplates } from "./chat_template_file.ts";
import { CONFIG_FILE, readConfig } from "./config_file.ts";
import { within } from "./within.ts";

/** What the files say, by the family's names; whether they fit together is `openModel`'s business. */
export interface ModelDirectory {
  path: string; // absolute, links resolved
  config: Record<string, unknown>;
  generationConfig?: Record<string, unknown>; // undefined when the file is missing
  tensors: Map<string, TensorEntry>; // by name, quantized weights in one piece; empty only where weights are optional
  tokenizerJson: unknown; // undefined when the file is missing
  tokenizerConfig: Record<string, unknown>; // {} when the file is missing
  specialTokensMap: Record<string, unknown>; // {} when the file is missing
  addedTokens: Record<string, unknown>; // added_tokens.json, {} when the file is missing
  chatTemplates?: TemplateSources;
}

export interface OpenDirectoryOptions {
  /** "optional" for pretraining, where a config and a tokenizer are enough. */
  weights?: "required" | "optional";
}

/**
 * Reads everything but the weights, of which it reads the headers.
 * @throws AttuneError that names the file and the fault.
 */
export async function readModelFolder(
  folder: Folder,
  { weights = "required" }: OpenDirectoryOptions = {},
): Promise<ModelDirectory> {
  await requireModel(folder);
  const tokenizerConfig = await optionalObject(folder, "tokenizer_config.json");
  const config = await readConfig(folder);
  const found = await locateTensors(folder);
  const family = familyIn(folder, config, found);
  const located = found ?? (await withoutWeights(folder, weights));
  const tensors = family ? familyNames(located, family) : located;
  return {
    path: folder.path,
    config,
    generationConfig: await objectIn(folder, "generation_config.json"),
    tensors: tensors.size > 0 ? await foldQuantized(tensors, config, folder.path) : tensors,
    tokenizerJson: await jsonIn(folder, "tokenizer.json"),
    tokenizerConfig,
    specialTokensMap: await optionalObject(folder, "special_tokens_map.json"),
    addedTokens: await optionalObject(folder, "added_tokens.json"),
    chatTemplates: await readChatTemplates(folder, tokenizerConfig),
  };
}

async function requireModel(folder: Folder): Promise<void> {
  const files = await folder.names();
  if (files.includes(CONFIG_FILE)) return;
  const { path } = folder;
  if (files.includes("adapter_config.json")) {
    throw new AttuneError({
      code: "pretrained.adapter-given",
      place: path,
      expected: "a model",
      got: "a PEFT adapter",
      wayOut: "Give the model it was made for, and this as the adapter",
    });
  }
  throw new AttuneError({
    code: "pretrained.no-model",
    place: path,
    problem: "this is not a model directory: it has no config.json",
  });
}

/** Undefined where config.json names none, as a tokenizer's own directory may. */
function familyIn(
  { path }: Folder,
  config: Record<string, unknown>,
  tensors: ReadonlyMap<string, TensorEntry> = new Map(),
): Family | undefined {
  const { model_type } = config;
  if (model_type === undefined) return undefined;
  return within(path, () => familyOf(model_type, () => likelyFamilies(config, tensors)));
}

async function withoutWeights(folder: Folder, weights: "required" | "optional") {
  if (weights === "optional") return new Map<string, TensorEntry>();
  const files = await folder.names();
  const other = files.filter((file) => /\.(bin|pt|pth|h5|msgpack|gguf)$/.test(file));
  throw new AttuneError({
    code: "pretrained.no-weights",
    place: folder.path,
    expected: `${SINGLE_FILE}, or shards with an index`,
    got: other.length > 0 ? other.slice(0, 3).join(", ") : "no weights",
    wayOut: other.length > 0 ? "Convert the weights to safetensors first" : undefined,
  });
}

const optionalObject = async (folder: Folder, file: string): Promise<Record<string, unknown>> =>
  (await objectIn(folder, file)) ?? {};
