import { stat } from "node:fs/promises";
import { readTextFile } from "../files/json_file.ts";
import type { HubOptions } from "../hub/options.ts";
import { resolveModel } from "../hub/resolve_model.ts";
import { namedTemplates } from "../templates/named_templates.ts";
import { makeTemplate, type Template, type TemplatePlan } from "../templates/template.ts";
import { templateSources } from "../templates/template_sources.ts";
import { type Base, baseOf } from "./base_of.ts";
import { openModel } from "./open_model.ts";
import { knownTemplate, type TemplateOptions, unknownTemplate } from "./template_plan.ts";

export type { Base } from "./base_of.ts";
export type { TemplateOptions } from "./template_plan.ts";

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
  return baseOf(await openModel(path, { weights }), path);
}

/**
 * The template of this name: "chat" is the model's own, or Stanford's prompt where it has none; then the built-in ones
 * ("alpaca", "chatml", …); anything else is a Jinja file.
 */
export async function templatePlan(base: Base, options: TemplateOptions = {}): Promise<TemplatePlan> {
  const known = knownTemplate(base, options);
  if (known.sources || namedTemplates.includes(known.name)) return known;
  return { ...known, sources: templateSources([["default", await readTemplateFile(known.name)]]) };
}

const LOOKS_LIKE_FILE = /[\\/]|\.(jinja2?|j2|tmpl|txt|html?|json)$/i;

/** A name that is no file's is a slip for a built-in one, rather than a file that is missing. */
async function readTemplateFile(name: string): Promise<string> {
  const isThere = await stat(name).catch(() => undefined);
  if (isThere || LOOKS_LIKE_FILE.test(name)) return readTextFile(name);
  throw unknownTemplate(name);
}

export const openTemplate = async (base: Base, options?: TemplateOptions): Promise<Template> =>
  makeTemplate(await templatePlan(base, options), base.tokenizer);
