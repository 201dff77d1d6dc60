import type { Message } from "./example.ts";

export { alpacaTemplate } from "./alpaca_template.ts";
export { chatTemplate } from "./chat_template.ts";

/** Writes a conversation as text: the one object that does so for training, chat, serving and export. */
export interface Template {
  /** For messages to the user. */
  name: string;
  /**
   * @param options.addGenerationPrompt end with what comes before an assistant's answer.
   * @throws AttuneError when the template can't render these messages.
   */
  render(messages: readonly Message[], options: { addGenerationPrompt: boolean }): string;
}
