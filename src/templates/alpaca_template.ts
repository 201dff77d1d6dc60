import { AttuneError } from "../text/errors.ts";
import type { Message } from "./message.ts";
import type { Template } from "./template.ts";

const WITH_INPUT =
  "Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.";
const WITHOUT_INPUT =
  "Below is an instruction that describes a task. Write a response that appropriately completes the request.";

/**
 * Stanford Alpaca's prompt, then the answer and `eos`
 * (https://github.com/tatsu-lab/stanford_alpaca/blob/main/train.py, PROMPT_DICT).
 * Beyond Stanford's single turn: a system message takes the place of the opening sentences, and further turns follow
 * after a blank line, each with its own "### Instruction:".
 */
export function alpacaTemplate(eos: string): Template {
  if (!eos)
    throw new AttuneError({
      code: "templates.no-eos",
      place: "template alpaca",
      problem: "the tokenizer names no eos token, so an answer would never end",
      wayOut: "Set eos_token in tokenizer_config.json",
    });
  return {
    name: "alpaca",
    addsBos: true,
    render({ messages, tools }, { addGenerationPrompt }) {
      if (tools?.length || messages.some(({ toolCalls }) => toolCalls?.length))
        throw new AttuneError({
          code: "templates.no-tools",
          place: "template alpaca",
          problem: "the template has no place for tools",
          wayOut: "Use the model's own template",
        });
      const [first] = messages;
      const opening = first?.role === "system" ? first.content : standardOpening(messages);
      const turns = first?.role === "system" ? messages.slice(1) : messages;
      const body = turns.map(
        (message, i) => (i > 0 && isAnswer(turns[i - 1]!) ? "\n\n" : "") + turn(message, eos),
      );
      return `${opening}\n\n${body.join("")}${addGenerationPrompt ? "### Response:" : ""}`;
    },
  };
}

function standardOpening(messages: readonly Message[]): string {
  return messages.find(({ role }) => role === "user")?.input === undefined ? WITHOUT_INPUT : WITH_INPUT;
}

const isAnswer = ({ role }: Message) => role === "assistant";

function turn({ role, content, input }: Message, eos: string): string {
  if (role === "assistant") return `### Response:${content}${eos}`;
  if (role !== "user")
    throw new AttuneError({
      code: "templates.misplaced-role",
      place: "template alpaca",
      problem: `the template has no place for a ${role} message here`,
    });
  if (input === undefined) return `### Instruction:\n${content}\n\n`;
  const instruction = content.slice(0, content.length - input.length).replace(/\n\n$/, "");
  return `### Instruction:\n${instruction}\n\n### Input:\n${input}\n\n`;
}
