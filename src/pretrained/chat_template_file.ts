/** A model's chat templates, found as transformers finds them. */
import { CHAT_TEMPLATE_DIRECTORY } from "../files/companion_files.ts";
import type { Folder } from "../files/folder.ts";
import { isUsed, type TemplateSources, templateSources } from "../templates/template_sources.ts";
import { AttuneError } from "../text/errors.ts";
import { excerpt } from "../text/excerpt.ts";

const LIMIT = 16 * 2 ** 20; // bytes

/**
 * `chat_template.jinja` and `additional_chat_templates/*.jinja`; where there are none, `chat_template` of
 * tokenizer_config.json. Undefined when the model has no template.
 * @throws AttuneError that names the file and what is wrong with it.
 */
export async function readChatTemplates(
  folder: Folder,
  tokenizerConfig: Readonly<Record<string, unknown>>,
): Promise<TemplateSources | undefined> {
  const main = await folder.text("chat_template.jinja", LIMIT);
  const others = await additionalTemplates(folder);
  if (main === undefined && others.length === 0)
    return chatTemplateField(tokenizerConfig.chat_template, folder.place("tokenizer_config.json"));
  return templateSources([...(main === undefined ? [] : [["default", main] as const]), ...others]);
}

/** Name and text of each; the text of those alone that are used. */
async function additionalTemplates(folder: Folder): Promise<[string, string][]> {
  const names = await folder.names(CHAT_TEMPLATE_DIRECTORY);
  const templates: [string, string][] = [];
  for (const file of names.filter((name) => name.endsWith(".jinja")).sort()) {
    const name = file.slice(0, -".jinja".length);
    const text = isUsed(name) ? await folder.text(`${CHAT_TEMPLATE_DIRECTORY}/${file}`, LIMIT) : "";
    if (text !== undefined) templates.push([name, text]);
  }
  return templates;
}

/**
 * `field` is `chat_template` of tokenizer_config.json: a template, a list of `{name, template}`, an object of templates
 * by name, or nothing. `where` names the file.
 * @throws AttuneError when the field is of another kind.
 */
export function chatTemplateField(field: unknown, where: string): TemplateSources | undefined {
  if (field === undefined || field === null) return undefined;
  if (typeof field === "string") return templateSources([["default", field]]);
  if (Array.isArray(field) && field.every(isNamed))
    return templateSources(field.map(({ name, template }) => [name, template]));
  if (!Array.isArray(field) && typeof field === "object") {
    const templates = Object.entries(field as Record<string, unknown>);
    if (templates.every((entry): entry is [string, string] => typeof entry[1] === "string"))
      return templateSources(templates);
  }
  throw new AttuneError({
    code: "pretrained.wrong-chat-template",
    place: `${where}: chat_template`,
    expected: 'text, or a list of {"name", "template"}',
    got: excerpt(field),
  });
}

const isNamed = (item: unknown): item is { name: string; template: string } => {
  const { name, template } = (item ?? {}) as Record<string, unknown>;
  return typeof name === "string" && typeof template === "string";
};
