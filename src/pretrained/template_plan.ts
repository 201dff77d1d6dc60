import { namedTemplates } from "../templates/named_templates.ts";
import type { TemplatePlan, TemplateVariables } from "../templates/template.ts";
import { AttuneError } from "../text/errors.ts";
import { nearest } from "../text/nearest.ts";
import type { Base } from "./base_of.ts";

export interface TemplateOptions {
  /** "chat" when left out. */
  name?: string;
  now?: Date;
  /** Set for every conversation. */
  variables?: TemplateVariables;
}

/**
 * The template of this name: "chat" is the model's own, or Stanford's prompt where it has none. Of a name that is neither
 * that nor a built-in one the sources are left out.
 */
export function knownTemplate(
  { directory: { chatTemplates } }: Pick<Base, "directory">,
  { name = "chat", now = new Date(), variables }: TemplateOptions = {},
): TemplatePlan {
  const rest = { now, ...(variables && { variables }) };
  if (name !== "chat") return { name, ...rest };
  return chatTemplates ? { name, sources: chatTemplates, ...rest } : { name: "alpaca", ...rest };
}

/** The same where there are no files. @throws AttuneError when it is neither the model's own nor a built-in one. */
export function memoryTemplate(base: Pick<Base, "directory">, options?: TemplateOptions): TemplatePlan {
  const plan = knownTemplate(base, options);
  if (plan.sources || namedTemplates.includes(plan.name)) return plan;
  throw unknownTemplate(plan.name);
}

export function unknownTemplate(name: string): AttuneError {
  const near = nearest(name, namedTemplates);
  return new AttuneError({
    code: "pretrained.unknown-template",
    place: `template ${JSON.stringify(name)}`,
    problem: `there is no such template${near ? `; did you mean ${near}?` : ""}`,
    wayOut: `Built-in ones are ${namedTemplates.join(", ")}; chat is the model's own; a .jinja file is named with its path`,
  });
}
