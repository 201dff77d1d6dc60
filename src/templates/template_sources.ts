/** A model's chat templates, as Jinja. Of those with other names, such as "rag", only the names are kept. */
export interface TemplateSources {
  default?: string;
  /** For conversations with tools, where a model has one of its own for them. */
  tool_use?: string;
  others: string[];
}

export const isUsed = (name: string): name is "default" | "tool_use" =>
  name === "default" || name === "tool_use";

/** @param templates name and text; of two with one name the later counts. */
export function templateSources(templates: Iterable<readonly [string, string]>): TemplateSources {
  const sources: TemplateSources = { others: [] };
  for (const [name, text] of templates) {
    if (isUsed(name)) sources[name] = text;
    else sources.others.push(name);
  }
  return sources;
}
