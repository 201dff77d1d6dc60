import { AttuneError } from "../text/errors.ts";
import type { SpecialTokens } from "../tokenizers/tokenizer_files.ts";
import { formatTime } from "./format_time.ts";
import { compileJinja } from "./jinja/compile.ts";
import { fromJson, str, TemplateError, type Value } from "./jinja/value.ts";
import type { Message } from "./message.ts";
import type { Template } from "./template.ts";
import { namesVariable } from "./template_variables.ts";

export interface ChatTemplateOptions {
  /** For messages to the user: "chat", a built-in's name, or the template's file. */
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
  const template = attempt(() => compileJinja(source), fail);
  const constants = new Map([...functions(now), ...tokenVariables(specialTokens)]);
  return {
    name,
    marksGeneration: template.marksGeneration,
    reads: (variable) => namesVariable(source, variable),
    render({ messages, tools, variables: own = {} }, { addGenerationPrompt, marks }) {
      const variables = new Map<string, Value>([
        ...constants,
        ["documents", null],
        ...Object.entries(own).map(([key, value]) => [key, fromJson(value)] as const),
        ["messages", messages.map(messageVariable)],
        ["tools", tools && tools.length > 0 ? fromJson(tools) : null],
        ["add_generation_prompt", addGenerationPrompt],
      ]);
      return attempt(() => template.render(variables, marks), fail);
    },
  };
}

function attempt<T>(work: () => T, fail: (error: unknown) => AttuneError): T {
  try {
    return work();
  } catch (error) {
    // A RangeError is a text too long for JavaScript, or a stack too deep.
    if (error instanceof TemplateError || error instanceof RangeError) throw fail(error);
    throw error;
  }
}

/** As transformers' data has it. A message that only makes calls has an empty content: many templates fail at none. */
function messageVariable(message: Message): Value {
  const { role, content, reasoning, toolCalls, name, toolCallId, others = {} } = message;
  const variable = new Map<Value, Value>([
    ["role", role],
    ["content", content],
  ]);
  if (reasoning !== undefined) variable.set("reasoning_content", reasoning);
  if (toolCalls?.length)
    variable.set(
      "tool_calls",
      fromJson(
        toolCalls.map((call) => ({
          ...(call.id !== undefined && { id: call.id }),
          type: "function",
          function: { name: call.name, arguments: call.arguments },
        })),
      ),
    );
  if (name !== undefined) variable.set("name", name);
  if (toolCallId !== undefined) variable.set("tool_call_id", toolCallId);
  for (const [key, value] of Object.entries(others))
    if (!variable.has(key)) variable.set(key, fromJson(value));
  return variable;
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
