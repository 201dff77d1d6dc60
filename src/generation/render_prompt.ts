import type { Message, Tool } from "../templates/message.ts";
import type { Template } from "../templates/template.ts";
import { checkVariables } from "../templates/template_variables.ts";
import { AttuneError } from "../text/errors.ts";

export interface PromptOptions {
  tools?: readonly Tool[];
  chatTemplateKwargs?: Readonly<Record<string, unknown>>;
}

export const TOOLS_NOT_WRITTEN = "generation.tools-not-written";

/**
 * The text that an answer to `messages` goes on from.
 * @throws AttuneError when there is nothing to answer, or the template leaves out the tools or a variable.
 */
export function renderPrompt(
  messages: readonly Message[],
  template: Template,
  { tools, chatTemplateKwargs = {} }: PromptOptions = {},
): string {
  requireQuestion(messages);
  requireOwnVariables(chatTemplateKwargs);
  checkVariables(template, chatTemplateKwargs, "chatTemplateKwargs");
  const render = (some?: readonly Tool[]) =>
    template.render({ messages, tools: some, variables: chatTemplateKwargs }, { addGenerationPrompt: true });
  const text = render(tools);
  if (tools && tools.length > 0 && text === render())
    throw new AttuneError({
      code: TOOLS_NOT_WRITTEN,
      place: `template ${template.name}`,
      problem: "it writes no tools, so the model would not know of them",
      wayOut: "Leave the tools out, or give a template that writes them",
    });
  return text;
}

/** The code of a conversation that the assistant has ended. */
export const NOTHING_TO_ANSWER = "generation.nothing-to-answer";

function requireQuestion(messages: readonly Message[]): void {
  const last = messages.at(-1);
  if (last !== undefined && last.role !== "assistant") return;
  throw new AttuneError({
    code: NOTHING_TO_ANSWER,
    problem: `the conversation must end with a message to answer; ${last ? "its last is the assistant's" : "it is empty"}`,
  });
}

/** What the conversation itself gives the template. */
const GIVEN = ["messages", "tools", "documents", "add_generation_prompt"];

function requireOwnVariables(variables: Readonly<Record<string, unknown>>): void {
  const taken = Object.keys(variables).filter((name) => GIVEN.includes(name));
  if (taken.length === 0) return;
  throw new AttuneError({
    code: "generation.reserved-variable",
    place: "chatTemplateKwargs",
    problem: `${taken.join(", ")}: given with the conversation itself`,
    wayOut: "Leave it out here",
  });
}
