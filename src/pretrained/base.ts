import { stat } from "node:fs/promises";
import { readTextFile } from "../files/json_file.ts";
import type { HubOptions } from "../hub/options.ts";
import { resolveModel } from "../hub/resolve_model.ts";
import type { Model } from "../models/family.ts";
import { namedTemplates } from "../templates/named_templates.ts";
import {
  makeTemplate,
  type Template,
  type TemplatePlan,
  type TemplateVariables,
} from "../templates/template.ts";
import { templateSources } from "../templates/template_sources.ts";
import { AttuneError } from "../text/errors.ts";
import { nearest } from "../text/nearest.ts";
import { checkVocabulary } from "../tokenizers/check_vocabulary.ts";
import { createTokenizer, type Tokenizer } from "../tokenizers/tokenizer.ts";
import type { ModelDirectory } from "./model_directory.ts";
import { openModel } from "./open_model.ts";
import { completeTokenizerConfig, eosTokenIds } from "./tokenizer_config.ts";
import { within } from "./within.ts";

/** A model directory, read and understood: all that training, generation and export start from. */
export interface Base {
  directory: ModelDirectory;
  model: Model;
  tokenizer: Tokenizer;
  /** tokenizer_config.json with what else decides the special tokens: other files, and the tokenizer's class. */
  tokenizerConfig: Record<string, unknown>;
  /** Ids that end what the model writes, for a tokenizer that names no eos token. */
  eosIds: number[];
  /** The weights as the files have them, where those of `directory` were quantized from them. */
  unquantized?: ModelDirectory["tensors"];
}

export interface OpenBaseOptions {
  /** "optional" where a config and a tokenizer are enough, to pretrain from. */
  weights?: "required" | "optional";
  /** For a model of the hub that has to be fetched. */
  hub?: HubOptions;
}

/**
 * Opens a model directory, or a model of the hub, and checks that its parts fit together.
 * @throws AttuneError that names the file at fault.
 */
export async function openBase(
  name: string,
  { weights = "required", hub }: OpenBaseOptions = {},
): Promise<Base> {
  const path = await resolveModel(name, hub);
  const { directory, model } = await openModel(path, { weights });
  if (directory.tokenizerJson === undefined)
    throw new AttuneError(`${path} has no tokenizer.json; copy it from the model this one was made from`);
  const eosIds = eosTokenIds(directory);
  const tokenizerConfig = within(path, () => completeTokenizerConfig(directory));
  const tokenizer = within(path, () => createTokenizer(directory.tokenizerJson, tokenizerConfig, eosIds));
  within(path, () => checkVocabulary(tokenizer, model.dimensions.vocabSize));
  return { directory, model, tokenizer, tokenizerConfig, eosIds };
}

/**
 * The template of this name: "chat" is the model's own, or Stanford's prompt where it has none; then the built-in ones
 * ("alpaca", "chatml", …); anything else is a Jinja file.
 */
export async function templatePlan(
  { directory }: Base,
  { name = "chat", now = new Date(), variables }: TemplateOptions = {},
): Promise<TemplatePlan> {
  const { chatTemplates } = directory;
  const rest = { now, ...(variables && { variables }) };
  if (name === "chat")
    return chatTemplates ? { name, sources: chatTemplates, ...rest } : { name: "alpaca", ...rest };
  if (namedTemplates.includes(name)) return { name, ...rest };
  return { name, sources: templateSources([["default", await readTemplateFile(name)]]), ...rest };
}

export interface TemplateOptions {
  name?: string;
  now?: Date;
  /** Set for every conversation. */
  variables?: TemplateVariables;
}

const LOOKS_LIKE_FILE = /[\\/]|\.(jinja2?|j2|tmpl|txt|html?|json)$/i;

/** A name that is no file's is a slip for a built-in one, rather than a file that is missing. */
async function readTemplateFile(name: string): Promise<string> {
  const isThere = await stat(name).catch(() => undefined);
  if (isThere || LOOKS_LIKE_FILE.test(name)) return readTextFile(name);
  const near = nearest(name, namedTemplates);
  throw new AttuneError({
    code: "template.unknown-name",
    place: `template ${JSON.stringify(name)}`,
    problem: `there is no such template${near ? `; did you mean ${near}?` : ""}`,
    wayOut: `Built-in ones are ${namedTemplates.join(", ")}; chat is the model's own; a .jinja file is named with its path`,
  });
}

export const openTemplate = async (base: Base, options?: TemplateOptions): Promise<Template> =>
  makeTemplate(await templatePlan(base, options), base.tokenizer);
