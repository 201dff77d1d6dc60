/** A model directory as transformers 4 and 5 write it: config, weights, tokenizer, chat template. */
import { readdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { diskError } from "../files/disk_error.ts";
import { ifThere, readJsonFile, readJsonObject } from "../files/json_file.ts";
import { locateTensors, SINGLE_FILE } from "../files/model_weights.ts";
import type { TensorEntry } from "../files/safetensors.ts";
import { familyNames } from "../models/checkpoint_names.ts";
import { familyOf } from "../models/families.ts";
import { foldQuantized } from "../quantization/bitsandbytes.ts";
import type { TemplateSources } from "../templates/template_sources.ts";
import { AttuneError } from "../text/errors.ts";
import { readChatTemplates } from "./chat_template_file.ts";
import { readConfig } from "./config_file.ts";

export { saveModelDirectory } from "./save_model_directory.ts";

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
export async function openModelDirectory(
  path: string,
  { weights = "required" }: OpenDirectoryOptions = {},
): Promise<ModelDirectory> {
  const directory = await checkDirectory(path);
  const tokenizerConfig = await optionalObject(directory, "tokenizer_config.json");
  const config = await readConfig(directory);
  const located = (await locateTensors(directory)) ?? (await withoutWeights(directory, weights));
  const { model_type } = config;
  const tensors = model_type === undefined ? located : familyNames(located, familyOf(model_type));
  return {
    path: directory,
    config,
    generationConfig: await ifThere(readJsonObject(join(directory, "generation_config.json"))),
    tensors: tensors.size > 0 ? await foldQuantized(tensors, config, path) : tensors,
    tokenizerJson: await ifThere(readJsonFile(join(directory, "tokenizer.json"))),
    tokenizerConfig,
    specialTokensMap: await optionalObject(directory, "special_tokens_map.json"),
    addedTokens: await optionalObject(directory, "added_tokens.json"),
    chatTemplates: await readChatTemplates(directory, tokenizerConfig),
  };
}

async function checkDirectory(path: string): Promise<string> {
  const files = await readdir(path).catch((error) => {
    throw diskError(error, "read", path);
  });
  if (files.includes("config.json")) return realpath(path);
  if (files.includes("adapter_config.json")) {
    throw new AttuneError(
      `${path} holds a PEFT adapter, expected a model. Give the model it was made for, and this as the adapter.`,
    );
  }
  throw new AttuneError(`${path} is not a model directory: it has no config.json.`);
}

async function withoutWeights(directory: string, weights: "required" | "optional") {
  if (weights === "optional") return new Map<string, TensorEntry>();
  const files = await readdir(directory);
  const other = files.filter((file) => /\.(bin|pt|pth|h5|msgpack|gguf)$/.test(file));
  const hint =
    other.length > 0 ? ` (${other.slice(0, 3).join(", ")} cannot be read: convert to safetensors first)` : "";
  throw new AttuneError(
    `${directory} has no ${SINGLE_FILE}${hint}. Expected ${SINGLE_FILE}, or shards with an index.`,
  );
}

const optionalObject = async (directory: string, file: string): Promise<Record<string, unknown>> =>
  (await ifThere(readJsonObject(join(directory, file)))) ?? {};
