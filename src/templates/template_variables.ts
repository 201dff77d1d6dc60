import { AttuneError } from "../text/errors.ts";
import type { Template, TemplateVariables } from "./template.ts";

/** The template with these variables set; those that a conversation brings win. */
export const withVariables = (template: Template, variables: TemplateVariables): Template => ({
  ...template,
  render: (conversation, options) =>
    template.render({ ...conversation, variables: { ...variables, ...conversation.variables } }, options),
});

/**
 * A variable that the template never reads would be ignored in silence. One that is empty or false may be: that is what
 * the template takes it for.
 * @param key where the variables come from, for messages.
 * @throws AttuneError naming the variable.
 */
export function checkVariables(template: Template, variables: TemplateVariables = {}, key: string): void {
  const ignored = Object.keys(variables).find((name) => isSet(variables[name]) && !template.reads?.(name));
  if (ignored === undefined) return;
  throw new AttuneError({
    code: "templates.unknown-variable",
    place: `template ${template.name}`,
    problem: `it has no variable ${JSON.stringify(ignored.slice(0, 60))}, which ${key} sets`,
    wayOut: "Use a template that reads it, or leave it out",
  });
}

function isSet(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return Boolean(value);
  if (value instanceof Number) return Number(value) !== 0; // a float that is whole
  return value instanceof Map ? value.size > 0 : Object.keys(value).length > 0;
}

/** Whether a Jinja source names a variable: as a word of it, wherever it stands. */
export function namesVariable(source: string, name: string): boolean {
  if (!/^[\p{L}_][\p{L}\p{N}_]*$/u.test(name)) return false;
  for (let at = source.indexOf(name); at >= 0; at = source.indexOf(name, at + 1))
    if (!isWordAt(source, at - 1) && !isWordAt(source, at + name.length)) return true;
  return false;
}

const isWordAt = (text: string, at: number): boolean => /\w/.test(text[at] ?? "");
