import type { Message } from "../../templates/message.ts";
import { namedTemplate } from "../../templates/named_templates.ts";
import type { Template } from "../../templates/template.ts";
import { AttuneError } from "../../text/errors.ts";
import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import { GO_TEMPLATES } from "./go_templates.ts";

export interface MatchedTemplate {
  /** A built-in template that writes conversations as the model's does. */
  name: string;
  /** What the model's writes as a system message where a conversation has none. */
  system?: string;
}

const user = (content: string): Message => ({ role: "user", content });
const assistant = (content: string): Message => ({ role: "assistant", content });
const system = (content: string): Message => ({ role: "system", content });

const SYSTEM = system("Be brief.");

/** With and without a system message, of one turn and of several, with what comes before an answer and without. */
const TURNS = [user("Where is the bay?"), assistant("North of here."), user("How far? 2 km\nor more?")];
const PROBES = [
  TURNS.slice(0, 1),
  TURNS,
  TURNS.slice(0, 2),
  [...TURNS, assistant("“Three.”"), user("Thanks!")],
];

/**
 * The built-in template that makes the same text as `template` of all sorts of conversations; undefined when none does:
 * then nobody knows that a translation of one is right. A template may refuse system messages.
 */
export function matchTemplate(template: Template, tokenizer: Tokenizer): MatchedTemplate | undefined {
  for (const name of Object.keys(GO_TEMPLATES)) {
    const known = builtIn(name, tokenizer);
    if (!known) continue;
    const text = textsOf(template);
    const [plain, instructed] = [textsOf(known), textsOf(known, SYSTEM)];
    if (!textsOf(template, SYSTEM).every((own, i) => own === undefined || own === instructed[i])) continue;
    if (areWritten(text, plain)) return { name };
    const own = defaultSystem(template, known);
    if (own !== undefined && areWritten(text, textsOf(known, system(own)))) return { name, system: own };
  }
  return undefined;
}

const areWritten = (texts: readonly (string | undefined)[], others: readonly (string | undefined)[]) =>
  texts.every((text, i) => text !== undefined && text === others[i]);

const textsOf = (template: Template, ...first: Message[]) =>
  PROBES.map((turns) => written(template, [...first, ...turns]));

function builtIn(name: string, tokenizer: Tokenizer): Template | undefined {
  try {
    return namedTemplate(name, tokenizer);
  } catch (error) {
    if (error instanceof AttuneError) return undefined; // it ends turns with a token that isn't there
    throw error;
  }
}

function written(template: Template, messages: readonly Message[]): string | undefined {
  const addGenerationPrompt = messages.at(-1)?.role !== "assistant";
  try {
    const chosen = template.choose?.(undefined) ?? template;
    return chosen.render({ messages }, { addGenerationPrompt });
  } catch (error) {
    if (error instanceof AttuneError) return undefined;
    throw error;
  }
}

const MARK = "\u{e000}";

/** The system message that `known` would have to be given to write what `template` writes without one. */
function defaultSystem(template: Template, known: Template): string | undefined {
  const [before, after] = written(known, [system(MARK), ...TURNS])?.split(MARK) ?? [];
  const text = written(template, TURNS);
  if (before === undefined || after === undefined || !text?.startsWith(before) || !text.endsWith(after))
    return undefined;
  return text.slice(before.length, text.length - after.length);
}
