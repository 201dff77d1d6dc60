import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { chatTemplate } from "./chat_template.ts";
import type { Message, Tool } from "./message.ts";
import { namedTemplate } from "./named_templates.ts";

export { alpacaTemplate } from "./alpaca_template.ts";
export { chatTemplate } from "./chat_template.ts";

/** What a template writes: messages, and the functions that the assistant may call. */
export interface TemplateInput {
  messages: readonly Message[];
  tools?: readonly Tool[];
  /** Variables of the template's own, such as `enable_thinking`: transformers' chat_template_kwargs. */
  variables?: Readonly<Record<string, unknown>>;
}

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
  /** @throws AttuneError when the template can't render this conversation. */
  render(conversation: TemplateInput, options: RenderOptions): string;
}

/** A template as plain data: what a worker is told, and what a cache is keyed on. */
export interface TemplatePlan {
  /** For messages to the user; without a source, of a built-in template. */
  name: string;
  /** A Jinja template. */
  source?: string;
  /** What `strftime_now` calls now. */
  now: Date;
}

/** @throws AttuneError when the source is no template, or the built-in one doesn't fit the tokenizer. */
export function makeTemplate({ name, source, now }: TemplatePlan, tokenizer: Tokenizer): Template {
  if (source !== undefined) return chatTemplate(source, tokenizer.specialTokens, { name, now });
  const template = namedTemplate(name, tokenizer, { now });
  if (!template) throw new Error(`there is no built-in template ${name}`);
  return template;
}
