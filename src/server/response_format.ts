import { constrain } from "../generation/constraint/constrain.ts";
import { anyObject } from "../generation/constraint/json_grammar.ts";
import { schemaGrammar } from "../generation/constraint/schema_grammar.ts";
import type { AnswerOptions } from "../generation/talk.ts";
import { AttuneError } from "../text/errors.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import type { ChatRequest } from "./chat_request.ts";
import { parameterError } from "./read_body.ts";

/**
 * What keeps an answer within the format that is asked for; undefined of text.
 * @throws ApiError when the format isn't supported.
 */
export function formatRule(
  { response_format: format, tools, tool_choice }: ChatRequest,
  tokenizer: Tokenizer,
) {
  if (format === undefined || format.type === "text") return undefined;
  if (tools && tools.length > 0 && tool_choice !== "none")
    throw parameterError("response_format", "unsupported_parameter", {
      message: "'response_format' beside 'tools' is not supported: an answer in a format can't call.",
    });
  return constrain(
    format.type === "json_object" ? anyObject : grammarOf(format.json_schema.schema),
    tokenizer,
  );
}

function grammarOf(schema: Record<string, unknown>) {
  try {
    return schemaGrammar(schema);
  } catch (error) {
    if (!(error instanceof AttuneError)) throw error;
    throw parameterError("response_format", "invalid_value", { message: error.message });
  }
}

/** The rules of `options`, and one more behind them. */
export function withRule(
  options: AnswerOptions,
  rule: ReturnType<typeof constrain> | undefined,
): AnswerOptions {
  if (!rule) return options;
  return { ...options, rules: (ends) => [...(options.rules?.(ends) ?? []), rule(ends)] };
}
