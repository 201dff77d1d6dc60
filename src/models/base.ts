import { readTextFile } from "../checkpoints/json_file.ts";
import { type ModelDirectory, openModelDirectory } from "../checkpoints/model_directory.ts";
import { chatTemplate, namedTemplate, type Template } from "../data/template.ts";
import { AttuneError } from "../errors.ts";
import { checkVocabulary } from "../tokenizers/check_vocabulary.ts";
import { createTokenizer, type Tokenizer } from "../tokenizers/tokenizer.ts";
import { readModel } from "./families.ts";
import type { Model } from "./family.ts";
import { checkTensors } from "./layout.ts";

/** A model directory, read and understood: all that training, generation and export start from. */
export interface Base {
  directory: ModelDirectory;
  model: Model;
  tokenizer: Tokenizer;
}

/**
 * Opens a model directory and checks that its parts fit together.
 * @param weights "optional" where a config and a tokenizer are enough, to pretrain from.
 * @throws AttuneError that names the file at fault.
 */
export async function openBase(path: string, weights: "required" | "optional" = "required"): Promise<Base> {
  const directory = await openModelDirectory(path, { weights });
  const model = within(path, () => readModel(directory.config));
  if (directory.tensors.size > 0) checkTensors(model, directory.tensors, path);
  if (directory.tokenizerJson === undefined)
    throw new AttuneError(`${path} has no tokenizer.json; copy it from the model this one was made from`);
  const tokenizer = within(path, () => createTokenizer(directory.tokenizerJson, directory.tokenizerConfig));
  within(path, () => checkVocabulary(tokenizer, model.dimensions.vocabSize));
  return { directory, model, tokenizer };
}

/** Says where the model is whose part is at fault. */
function within<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof AttuneError ? new AttuneError(`${path}: ${error.message}`) : error;
  }
}

/**
 * The template of this name: "chat" is the model's own, or Stanford's prompt where it has none; then the built-in ones
 * ("alpaca", "chatml", …); anything else is a Jinja file.
 */
export async function openTemplate(
  { directory, tokenizer }: Base,
  { name = "chat", now }: { name?: string; now?: Date } = {},
): Promise<Template> {
  const { specialTokens } = tokenizer;
  if (name === "chat" && directory.chatTemplate !== undefined)
    return chatTemplate(directory.chatTemplate, specialTokens, { now });
  const builtIn = namedTemplate(name === "chat" ? "alpaca" : name, tokenizer, { now });
  return builtIn ?? chatTemplate(await readTextFile(name), specialTokens, { name, now });
}
