import type { Message } from "../../templates/message.ts";
import { GO_TEMPLATES } from "../ollama/go_templates.ts";

const user = (content: string): Message => ({ role: "user", content });
const assistant = (content: string): Message => ({ role: "assistant", content });
const system = (content: string): Message => ({ role: "system", content });

/** Contents that quote templates and markup are text like any other. */
export const TEMPLATE_CONVERSATIONS: readonly Message[][] = [
  [user("Hello!")],
  [system("Be brief."), user("Hello!")],
  [user("One?"), assistant("Two."), user("Three?")],
  [system("Answer\nin two lines."), user("One?"), assistant("Two.\nAnd more."), user("Three?")],
  [user("One?"), assistant("Two.")],
  [
    user("Write {{ .System }} & <b>\"quotes\"</b> 'n' back\\slash"),
    assistant("{% if %} `x` 你好 😀"),
    user("ok"),
  ],
  [system("S"), user("a"), assistant("b"), user("c"), assistant("d"), user("e")],
];

export const TOKENS = { bos: "<s>", eos: "</s>" };

/** Every emitted template, with a BOS that the runtime begins texts with and with one that the template writes. */
export function emittedTemplates(): Record<string, string> {
  const entries = Object.entries(GO_TEMPLATES).flatMap(([name, make]) => [
    [name, make({ ...TOKENS, firstBos: "" })],
    [`${name} with bos`, make({ ...TOKENS, firstBos: TOKENS.bos })],
  ]);
  return Object.fromEntries(entries);
}
