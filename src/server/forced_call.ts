import { constrain, requireRoom } from "../generation/constraint/constrain.ts";
import { choice, literal, measureRules, type Rule, sequence } from "../generation/constraint/grammar.ts";
import { schemaGrammar } from "../generation/constraint/schema_grammar.ts";
import type { EndTokens, TokenRule } from "../generation/token_rules.ts";
import type { CallWriting } from "../templates/written_calls.ts";
import { AttuneError } from "../text/errors.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import type { ChatRequest } from "./chat_request.ts";
import { parameterError } from "./read_body.ts";

interface NamedFunction {
  name: string;
  parameters?: unknown;
}

/**
 * The functions of which one has to be called; undefined where none has to.
 * @throws ApiError when `tool_choice` names none of the tools.
 */
export function forcedFunctions({ tool_choice, tools }: ChatRequest): NamedFunction[] | undefined {
  if (tool_choice === "auto" || tool_choice === "none") return undefined;
  const all = (tools ?? []).map((tool) => (tool.function ?? tool) as NamedFunction);
  const wanted =
    tool_choice === "required" ? all : all.filter(({ name }) => name === tool_choice.function.name);
  if (wanted.length > 0) return wanted;
  const what = tool_choice === "required" ? "a tool" : `the tool '${tool_choice.function.name}'`;
  throw parameterError("tool_choice", "invalid_value", {
    message: `'tool_choice' asks for ${what}, and 'tools' has none of that name.`,
  });
}

/** How a call is written where the model's template doesn't say it. */
export const PLAIN_CALL: CallWriting = { begin: "", name: "name", arguments: "arguments" };

/**
 * Lets an answer be one call of one of `functions` alone, as `writing` has it, its arguments by their schema.
 * @throws ApiError when a schema isn't supported.
 */
export function callRule(
  functions: readonly NamedFunction[],
  writing: CallWriting,
  tokenizer: Tokenizer,
): (ends: EndTokens) => TokenRule {
  const calls = functions.map(({ name, parameters }) => callOf(name, parameters, writing));
  const grammar = choice(...calls);
  measureRules(grammar);
  const begin = writing.begin === "" ? [] : tokenizer.encode(writing.begin).ids;
  return behind(begin, grammar, constrain(grammar, tokenizer));
}

function callOf(name: string, parameters: unknown, keys: CallWriting): Rule {
  const key = (text: string) => `${JSON.stringify(text)}: `;
  const start = `{${key(keys.name)}${JSON.stringify(name)}, ${key(keys.arguments)}`;
  try {
    return sequence(literal(start), schemaGrammar(parameters ?? NO_ARGUMENTS), literal("}"));
  } catch (error) {
    if (!(error instanceof AttuneError)) throw error;
    throw parameterError("tools", "invalid_value", {
      message: `The parameters of the tool '${name}': ${error.message}`,
    });
  }
}

/** Of a function that says nothing of its parameters. */
const NO_ARGUMENTS = { type: "object", additionalProperties: false };

/** The tokens `begin`, and behind them what `rule` allows of `grammar`. */
function behind(
  begin: readonly number[],
  grammar: Rule,
  rule: (ends: EndTokens) => TokenRule,
): (ends: EndTokens) => TokenRule {
  return (ends) => {
    const rest = rule(ends);
    return (scores, at) => {
      const { tokens, promptLength, maxNewTokens } = at;
      if (tokens.length === promptLength) requireRoom(grammar, maxNewTokens - begin.length);
      const next = begin[tokens.length - promptLength];
      if (next === undefined)
        return rest(scores, {
          tokens,
          promptLength: promptLength + begin.length,
          maxNewTokens: maxNewTokens - begin.length,
        });
      const kept = scores[next]!;
      scores.fill(Number.NEGATIVE_INFINITY);
      scores[next] = kept;
    };
  };
}
