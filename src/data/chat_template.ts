import { Environment, Interpreter, Template as JinjaTemplate } from "@huggingface/jinja";
import { AttuneError } from "../errors.ts";
import type { SpecialTokens } from "../tokenizers/tokenizer_files.ts";
import { formatTime } from "./format_time.ts";
import type { Template } from "./template.ts";

export interface ChatTemplateOptions {
  /** For messages to the user: "chat", or the template's file. */
  name?: string;
  /** What `strftime_now` calls now; some templates write today's date. */
  now?: Date;
}

/**
 * A model's Jinja chat template (`chat_template.jinja`, or `chat_template` of tokenizer_config.json), rendered as
 * transformers' `apply_chat_template` does. The special tokens are its `bos_token`, `eos_token`, … variables.
 * @throws AttuneError when the source is no template.
 */
export function chatTemplate(
  source: string,
  specialTokens: SpecialTokens,
  { name = "chat", now = new Date() }: ChatTemplateOptions = {},
): Template {
  const fail = (error: unknown) => new AttuneError(`template ${name}: ${(error as Error).message}`);
  const template = attempt(() => new JinjaTemplate(source), fail);
  return {
    name,
    render(messages, { addGenerationPrompt }) {
      const variables = {
        ...globals(now),
        ...tokenVariables(specialTokens),
        messages: messages.map(({ role, content }) => ({ role, content })),
        tools: null,
        documents: null,
        add_generation_prompt: addGenerationPrompt,
      };
      return attempt(() => interpret(template, variables), fail);
    },
  };
}

function attempt<T>(work: () => T, fail: (error: unknown) => AttuneError): T {
  try {
    return work();
  } catch (error) {
    throw fail(error);
  }
}

function interpret(template: JinjaTemplate, variables: Record<string, unknown>): string {
  const environment = new Environment();
  for (const [name, value] of Object.entries(variables)) environment.set(name, value);
  return String(new Interpreter(environment).run(template.parsed).value);
}

/** What transformers' environment has (utils/chat_template_utils.py), and Jinja's constants. */
function globals(now: Date): Record<string, unknown> {
  return {
    ...{ true: true, false: false, none: null, True: true, False: false, None: null },
    raise_exception: (message: string) => {
      throw new Error(message);
    },
    strftime_now: (format: string) => formatTime(now, format),
    range,
  };
}

const MAX_RANGE = 100_000; // jinja2.sandbox.MAX_RANGE

function range(first: number, last?: number, step = 1): number[] {
  const [start, stop] = last === undefined ? [0, first] : [first, last];
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (!(length <= MAX_RANGE)) throw new Error(`range too big: at most ${MAX_RANGE} numbers`);
  return Array.from({ length }, (_, i) => start + i * step);
}

function tokenVariables(tokens: SpecialTokens): Record<string, string> {
  return Object.fromEntries(Object.entries(tokens).map(([name, token]) => [`${name}_token`, token]));
}
