import type { Json } from "../text/exact_json.ts";
import { isNone } from "./jinja/arguments.ts";
import { fromJson } from "./jinja/from_json.ts";
import type { Value } from "./jinja/value.ts";
import type { CallForm, Message, ToolCall } from "./message.ts";

const PLAIN: CallForm = { content: "text", arguments: "object" };

/** A message as transformers' data has it. */
export function messageVariable(message: Message): Value {
  const { role, content, reasoning, toolCalls, callForm = PLAIN, name, toolCallId, others = {} } = message;
  const variable = new Map<Value, Value>([["role", role]]);
  if (callForm.content !== "absent") variable.set("content", callForm.content === "null" ? null : content);
  if (reasoning !== undefined) variable.set("reasoning_content", reasoning);
  if (toolCalls?.length)
    variable.set(
      "tool_calls",
      toolCalls.map((call) => callVariable(call, callForm)),
    );
  if (name !== undefined) variable.set("name", name);
  if (toolCallId !== undefined) variable.set("tool_call_id", toolCallId);
  for (const [key, value] of Object.entries(others))
    if (!variable.has(key)) variable.set(key, fromJson(value as Json));
  return variable;
}

/** With the keys of the row, in their order. */
function callVariable(call: ToolCall, form: CallForm): Value {
  const { id, name, layout } = call;
  const row =
    layout === undefined ? new Map<Value, Value>() : (fromJson(layout as Json) as Map<Value, Value>);
  const called = row.get("function") ?? new Map<Value, Value>();
  const variable = new Map<Value, Value>();
  if (id !== undefined && !layout) variable.set("id", id);
  if (isNone(row.get("type"))) variable.set("type", "function");
  for (const [key, value] of row) if (!isNone(value) || key !== "type") variable.set(key, value);
  if (id !== undefined) variable.set("id", id);
  const written = new Map(called as Map<Value, Value>);
  return variable.set("function", written.set("name", name).set("arguments", argumentsVariable(call, form)));
}

const argumentsVariable = ({ arguments: given, argumentsText }: ToolCall, form: CallForm): Value =>
  form.arguments === "row" && argumentsText !== undefined ? argumentsText : fromJson(given as Json);
