import type { Message, Tool } from "./example.ts";

export { alpacaTemplate } from "./alpaca_template.ts";
export { chatTemplate } from "./chat_template.ts";
export { namedTemplate, namedTemplates } from "./named_templates.ts";

/** What a template writes: messages, and the functions that the assistant may call. */
export interface TemplateInput {
  messages: readonly Message[];
  tools?: readonly Tool[];
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
