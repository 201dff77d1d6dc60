import type { Conversation, Origin, PromptCompletion, Text, Tokens } from "../../data/example.ts";
import type { Message, Tool } from "../../templates/message.ts";
import type { TemplateVariables } from "../../templates/template.ts";
import type { Follow } from "../ifeval/follow.ts";

/** A held-out row: what is asked, and what would be right. */
export interface Question {
  origin: Origin;
  /** The kind of task it belongs to: scores are reported for each. */
  task: string;
  /** The row with its right answer, whose loss is measured; a row that has none is only asked. */
  example?: Conversation | PromptCompletion | Text | Tokens;
  /** What comes before the answer, where there is an answer to ask for. */
  prompt?: Prompt;
  /** Right answers, where the answer is text. */
  references: readonly string[];
  /** The answers there are to choose from. */
  choices?: Choices;
  /** Whether an answer is generated, too; of an exam only the likelihood of its choices is asked. */
  isGenerated: boolean;
  /** Of a row with IFEval's instructions. */
  follow?: Follow;
  /** Of a task's row: the number of its phrasing. */
  phrasing?: number;
}

export interface Choices {
  /** What an answer says, for each choice. */
  texts: readonly string[];
  /** Index of the right one. */
  right: number;
}

/** A conversation that the template writes, or text that goes in as it is. */
export type Prompt =
  | { kind: "chat"; messages: readonly Message[]; tools?: readonly Tool[]; variables?: TemplateVariables }
  | { kind: "text"; text: string };

/** What a person sees as the question. */
export const questionText = (prompt: Prompt | undefined): string =>
  prompt === undefined ? "" : prompt.kind === "text" ? prompt.text : (prompt.messages.at(-1)?.content ?? "");
