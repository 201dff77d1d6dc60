import type { TemplateVariables } from "../../templates/template.ts";
import { AttuneError } from "../../text/errors.ts";
import { exactItem } from "../../text/exact_json.ts";
import { DEPTH_LIMIT, isDeeper } from "./nested.ts";
import { isEmpty, isRow, isText, own, parseText, type Row, wrongValue } from "./row_fields.ts";

const KEY = "chat_template_kwargs";

/** Arguments of transformers' apply_chat_template that are no variables, or that a row says elsewhere. */
const RESERVED = [
  ...[
    "messages",
    "conversation",
    "tools",
    "add_generation_prompt",
    "continue_final_message",
    "chat_template",
  ],
  ...["tokenize", "padding", "truncation", "max_length", "return_tensors", "return_dict", "tokenizer_kwargs"],
  "return_assistant_tokens_mask",
];

/** A row's `chat_template_kwargs`, as TRL has them: an object, or JSON text of one. */
export function readVariables(row: Row): { variables?: TemplateVariables } {
  const given = own(row, KEY);
  const value = isText(given) && given !== "" ? parseText(given, KEY) : given;
  if (isEmpty(value)) return {};
  if (!isRow(value)) throw wrongValue(KEY, "an object", value);
  const problem = variableProblem(value);
  if (problem !== undefined) throw new AttuneError({ code: "data.wrong-variables", place: KEY, problem });
  const exact = Object.fromEntries(Object.keys(value).map((key) => [key, exactItem(value, key)]));
  return Object.keys(exact).length === 0 ? {} : { variables: exact };
}

/** Why these can't be variables of a template. */
export function variableProblem(variables: Record<string, unknown>): string | undefined {
  const reserved = RESERVED.find((name) => Object.hasOwn(variables, name));
  if (reserved !== undefined) return `${reserved} is no variable that can be set`;
  return isDeeper(variables, DEPTH_LIMIT) ? `nested more than ${DEPTH_LIMIT} deep` : undefined;
}
