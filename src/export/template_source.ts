import { type Base, templatePlan } from "../pretrained/base.ts";
import { JINJA_TEMPLATES } from "../templates/named_templates.ts";
import type { TemplateSources } from "../templates/template_sources.ts";

/**
 * The Jinja text of a template, named as in a recipe. Empty for Stanford's prompt, which no file holds, and for none.
 * @throws AttuneError when there is no such template.
 */
export async function templateSource(base: Base, name?: string): Promise<Partial<TemplateSources>> {
  if (name === "none") return {};
  const plan = await templatePlan(base, { name });
  if (plan.sources) return plan.sources;
  const { source } = JINJA_TEMPLATES[plan.name] ?? {};
  if (source === undefined) return {};
  const hasBos = base.tokenizer.specialTokens.bos !== undefined || !source.includes("bos_token");
  return { default: hasBos ? source : `{% set bos_token = '' %}${source}` }; // other tools may have one, or fail
}
