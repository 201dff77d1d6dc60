import type { JsonObject, Tool, ToolCall } from "../../templates/message.ts";
import { describeValue } from "../../text/describe_value.ts";
import { AttuneError } from "../../text/errors.ts";
import { exactItem, exactJson, exactKeys } from "../../text/exact_json.ts";
import { DEPTH_LIMIT, isDeeper } from "./nested.ts";
import { isEmpty, isRow, isText, own, parseText, type Row, requiredText } from "./row_fields.ts";

/**
 * A row's `tools`: a list, or JSON text of one, of OpenAI's { type: "function", function } or of bare functions, which
 * become such. Its older name is `functions`.
 */
export function readTools(row: Row): { tools?: Tool[] } {
  const key = isEmpty(own(row, "tools")) ? "functions" : "tools";
  const value = own(row, key);
  const list = isText(value) && value !== "" ? parseText(value, key) : value;
  if (isEmpty(list)) return {};
  if (!Array.isArray(list))
    throw new AttuneError(`"${key}" should be a list of functions, got ${describeValue(list)}`);
  return { tools: list.map((tool, i) => exactJson(readTool(tool, i)) as Tool) };
}

function readTool(value: unknown, index: number): Tool {
  const described = isRow(value) && isRow(own(value, "function")) ? own(value, "function") : value;
  if (!isRow(described) || !isText(own(described, "name")) || own(described, "name") === "")
    throw new AttuneError(
      `tool ${index + 1} should be {type: "function", function: {name, description, parameters}}, got ${describeValue(value)} without a name`,
    );
  if (isDeeper(described, DEPTH_LIMIT))
    throw new AttuneError(`tool ${index + 1} is nested more than ${DEPTH_LIMIT} deep`);
  return described === value ? { type: "function", function: described } : (value as Tool);
}

/** OpenAI's `tool_calls`: [{ id, type, function: { name, arguments } }], the arguments as JSON text or as an object. */
export function readToolCalls(value: unknown): ToolCall[] {
  if (isEmpty(value)) return [];
  if (!Array.isArray(value))
    throw new AttuneError(`"tool_calls" should be a list, got ${describeValue(value)}`);
  return value.map(readToolCall);
}

/** One call, as a function call's message spells it: { name, arguments }, or as in `tool_calls`. */
export function readToolCall(value: unknown): ToolCall {
  if (!isRow(value))
    throw new AttuneError(`a tool call should be {name, arguments}, got ${describeValue(value)}`);
  const id = own(value, "id");
  const call = own(value, "function") ?? value;
  if (!isRow(call))
    throw new AttuneError(`a tool call's "function" should be {name, arguments}, got ${describeValue(call)}`);
  const name = requiredText(call, "name");
  if (name === "") throw new AttuneError("a tool call has no name");
  const given = own(call, "arguments");
  return {
    ...(isText(id) && id !== "" && { id }),
    name,
    arguments: exactJson(readArguments(given, name)) as JsonObject,
    ...(isText(given) && given.trim() !== "" && { argumentsText: given }),
    ...(call !== value && layoutOf(value, call)),
  };
}

/** The call as its row has it, where it says more than its id, name and arguments, or in another order. */
function layoutOf(value: Row, call: Row): { layout?: JsonObject } {
  const order = exactKeys(value).filter((key) => key !== "id" || !isEmpty(value.id));
  const usual = ["id", "type", "function"].filter((key) => order.includes(key));
  const isUsual = order.join() === usual.join() && exactKeys(call).join() === "name,arguments";
  if (isUsual && (isEmpty(value.type) || value.type === "function")) return {};
  if (isDeeper(value, DEPTH_LIMIT))
    throw new AttuneError(`a tool call is nested more than ${DEPTH_LIMIT} deep`);
  const blank = (key: string) => (key === "name" ? "" : key === "arguments" ? null : exactItem(call, key));
  const called = new Map(exactKeys(call).map((key) => [key, blank(key)]));
  return { layout: new Map(order.map((key) => [key, key === "function" ? called : exactItem(value, key)])) };
}

function readArguments(value: unknown, name: string): Row {
  const parsed = isText(value) && value.trim() !== "" ? parseText(value, `arguments of ${name}`) : value;
  if (isEmpty(parsed) || (isText(parsed) && parsed.trim() === "")) return {};
  if (isDeeper(parsed, DEPTH_LIMIT))
    throw new AttuneError(`the arguments of "${name}" are nested more than ${DEPTH_LIMIT} deep`);
  if (isRow(parsed)) return parsed;
  throw new AttuneError(`the arguments of "${name}" should be a JSON object, got ${describeValue(parsed)}`);
}
