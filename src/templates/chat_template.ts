import { AttuneError } from "../text/errors.ts";
import type { Json } from "../text/exact_json.ts";
import type { SpecialTokens } from "../tokenizers/tokenizer_files.ts";
import { settleCalls } from "./call_forms.ts";
import { formatTime } from "./format_time.ts";
import { compileJinja } from "./jinja/compile.ts";
import { TemplateError } from "./jinja/error.ts";
import { fromJson } from "./jinja/from_json.ts";
import { str } from "./jinja/repr.ts";
import type { Value } from "./jinja/value.ts";
import { messageVariable } from "./message_variable.ts";
import type { RenderOptions, Template, TemplateInput } from "./template.ts";
import { namesVariable } from "./template_variables.ts";

export interface ChatTemplateOptions {
  /** For messages to the user: "chat", a built-in's name, or the template's file. */
  name?: string;
  /** What `strftime_now` calls now. */
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
  const fail = (error: TemplateError) =>
    new AttuneError({ code: "templates.failed", place: `template ${name}`, problem: error.message });
  const template = attempt(() => compileJinja(source), fail);
  const constants = new Map([...functions(now), ...tokenVariables(specialTokens)]);
  const render = (input: TemplateInput, { addGenerationPrompt, marks }: RenderOptions) =>
    attempt(() => template.render(variablesOf(input, constants, addGenerationPrompt), marks), fail);
  const plain = (input: TemplateInput) => render(input, { addGenerationPrompt: false });
  return {
    name,
    marksGeneration: template.marksGeneration,
    reads: (variable) => namesVariable(source, variable),
    render: (input, options) => render(settleCalls(input, plain), options),
  };
}

function variablesOf(
  { messages, tools, variables = {} }: TemplateInput,
  constants: ReadonlyMap<string, Value>,
  addGenerationPrompt: boolean,
): Map<string, Value> {
  return new Map<string, Value>([
    ...constants,
    ["documents", null],
    ...Object.entries(variables).map(([key, value]) => [key, fromJson(value as Json)] as const),
    ["messages", messages.map(messageVariable)],
    ["tools", tools && tools.length > 0 ? fromJson(tools as readonly Json[] as Json) : null],
    ["add_generation_prompt", addGenerationPrompt],
  ]);
}

function attempt<T>(work: () => T, fail: (error: TemplateError) => AttuneError): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof TemplateError) throw fail(error);
    if (error instanceof RangeError) throw fail(new TemplateError("its variables are nested too deeply"));
    throw error;
  }
}

/** What transformers' environment has (utils/chat_template_utils.py). */
function functions(now: Date): [string, Value][] {
  return [
    [
      "raise_exception",
      ([message]) => {
        throw new TemplateError(str(message));
      },
    ],
    ["strftime_now", ([format]) => formatTime(now, str(format))],
  ];
}

function tokenVariables(tokens: SpecialTokens): [string, Value][] {
  return Object.entries(tokens).map(([name, token]) => [`${name}_token`, token]);
}
