/** Which of a tokenizer's chat templates a conversation uses, as transformers chooses it. */
import { AttuneError } from "../text/errors.ts";

/**
 * `field` is `chat_template` of tokenizer_config.json: a template, a list of `{name, template}`, or nothing.
 * Of several, `default` is taken. `where` names the file.
 * @throws AttuneError when the field is of another kind, or none of several templates is the default.
 */
export function chooseChatTemplate(field: unknown, where: string): string | undefined {
  if (field === undefined || field === null) return undefined;
  if (typeof field === "string") return field;
  if (!Array.isArray(field) || !field.every(isNamed)) {
    throw new AttuneError(`${where}: chat_template must be text, or a list of {"name", "template"}.`);
  }
  const chosen = field.length === 1 ? field[0] : field.find(({ name }) => name === "default");
  if (chosen) return chosen.template;
  const names = field.map(({ name }) => JSON.stringify(name)).join(", ");
  throw new AttuneError(
    `${where}: of the chat templates ${names || "(none)"} none is called "default". Rename one so.`,
  );
}

const isNamed = (item: unknown): item is { name: string; template: string } => {
  const { name, template } = (item ?? {}) as Record<string, unknown>;
  return typeof name === "string" && typeof template === "string";
};
