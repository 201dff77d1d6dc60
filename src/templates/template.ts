import { AttuneError } from "../text/errors.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { chatTemplate } from "./chat_template.ts";
import type { Message, Tool } from "./message.ts";
import { namedTemplate } from "./named_templates.ts";
import type { TemplateSources } from "./template_sources.ts";
import { namesVariable, withVariables } from "./template_variables.ts";

export { alpacaTemplate } from "./alpaca_template.ts";
export { chatTemplate } from "./chat_template.ts";

/** What a template writes: messages, and the functions that the assistant may call. */
export interface TemplateInput {
  messages: readonly Message[];
  tools?: readonly Tool[];
  variables?: TemplateVariables;
}

/** Variables of the template's own, such as `enable_thinking`: transformers' chat_template_kwargs. */
export type TemplateVariables = Readonly<Record<string, unknown>>;

export interface RenderOptions {
  /** End with what comes before an assistant's answer. */
  addGenerationPrompt: boolean;
  /** Written before and after each part that the template itself marks as the assistant's (`{% generation %}`). */
  marks?: readonly [open: string, close: string];
}

/** Writes a conversation as text: the one object that does so for training, chat, serving and export. */
export interface Template {
  /** For messages to the user. */
  name: string;
  /** Whether it marks what the assistant says, by `{% generation %}`. */
  marksGeneration?: boolean;
  /** Whether its text begins as other texts do, with the tokenizer's BOS. Others write what they begin with. */
  addsBos?: boolean;
  /**
   * Of several, the one that writes a conversation with these tools.
   * @throws AttuneError when there is none, or it is broken.
   */
  choose?(tools: TemplateInput["tools"]): Template;
  /** Whether it reads a variable of this name; it reads none when left out. */
  reads?(variable: string): boolean;
  /** @throws AttuneError when the template can't render this conversation. */
  render(conversation: TemplateInput, options: RenderOptions): string;
}

/** A template as plain data: what a worker gets, and what a cache is keyed on. */
export interface TemplatePlan {
  /** For messages to the user; without sources, of a built-in template. */
  name: string;
  sources?: TemplateSources;
  /** What `strftime_now` calls now. */
  now: Date;
  /** Set for every conversation. */
  variables?: TemplateVariables;
}

/** Nothing is compiled, and nothing fails, before a conversation needs it: rows of text need no template. */
export function makeTemplate(plan: TemplatePlan, tokenizer: Tokenizer): Template {
  const { sources, variables } = plan;
  const opened = new Map<string, Template>();
  const choose = (tools: TemplateInput["tools"]) => {
    const source = sources?.tool_use !== undefined && tools?.length ? "tool_use" : "default";
    const known = opened.get(source);
    if (known) return known;
    const template = openTemplate(plan, source, tokenizer);
    opened.set(source, variables ? withVariables(template, variables) : template);
    return opened.get(source)!;
  };
  return {
    name: plan.name,
    addsBos: sources === undefined && plan.name === "alpaca",
    choose,
    reads: (variable) =>
      sources
        ? namesVariable(`${sources.default ?? ""} ${sources.tool_use ?? ""}`, variable)
        : (choose([]).reads?.(variable) ?? false),
    render: (conversation, options) => choose(conversation.tools).render(conversation, options),
  };
}

function openTemplate(
  { name, sources, now }: TemplatePlan,
  choice: "default" | "tool_use",
  tokenizer: Tokenizer,
): Template {
  const source = sources?.[choice];
  // The tokens' names are variables, as in transformers.
  if (source !== undefined)
    return withVariables(chatTemplate(source, {}, { name, now }), tokenizer.namedTokens);
  if (sources) throw noDefault(name, sources);
  const template = namedTemplate(name, tokenizer, { now });
  if (!template) throw new Error(`there is no built-in template ${name}`);
  return template;
}

function noDefault(name: string, { tool_use, others }: TemplateSources): AttuneError {
  const names = [...(tool_use === undefined ? [] : ["tool_use"]), ...others];
  return new AttuneError({
    code: "templates.no-default",
    place: `template ${name}`,
    problem: `of the model's chat templates (${names.join(", ") || "none"}) none is called "default"`,
    wayOut: "Set template to a .jinja file, or to a built-in one such as chatml",
  });
}
