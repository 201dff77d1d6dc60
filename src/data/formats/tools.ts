import type { JsonObject, Tool, ToolCall } from "../../templates/message.ts";
import { describeValue } from "../../text/describe_value.ts";
import { AttuneError } from "../../text/errors.ts";
import { exactItem, exactJson, exactKeys } from "../../text/exact_json.ts";
import { DEPTH_LIMIT, isDeeper, tooDeep } from "./nested.ts";
import { isEmpty, isRow, isText, own, parseText, type Row, requiredText, wrongValue } from "./row_fields.ts";

/**
 * A row's `tools`: a list, or JSON text of one, of OpenAI's { type: "function", function } or of bare functions, which
 * become such. Its older name is `functions`.
 */
export function readTools(row: Row): { tools?: Tool[] } {
  const key = isEmpty(own(row, "tools")) ? "functions" : "tools";
  const value = own(row, key);
  const list = isText(value) && value !== "" ? parseText(value, key) : value;
  if (isEmpty(list)) return {};
  if (!Array.isArray(list)) throw wrongValue(key, "a list of functions", list);
  return { tools: list.map((tool, i) => exactJson(readTool(tool, i)) as Tool) };
}

function readTool(value: unknown, index: number): Tool {
  const described = isRow(value) && isRow(own(value, "function")) ? own(value, "function") : value;
  if (!isRow(described) || !isText(own(described, "name")) || own(described, "name") === "")
    throw new AttuneError({
      code: "data.wrong-tool",
      place: `tool ${index + 1}`,
      expected: '{type: "function", function: {name, description, parameters}}',
      got: `${describeValue(value)} without a name`,
    });
  if (isDeeper(described, DEPTH_LIMIT)) throw tooDeep(`tool ${index + 1}`);
  return described === value ? { type: "function", function: described } : (value as Tool);
}

/** OpenAI's `tool_calls`: [{ id, type, function: { name, arguments } }], the arguments as JSON text or as an object. */
export function readToolCalls(value: unknown): ToolCall[] {
  if (isEmpty(value)) return [];
  if (!Array.isArray(value)) throw wrongValue("tool_calls", "a list", value);
  return value.map(readToolCall);
}

/** One call, as a function call's message spells it: { name, arguments }, or as in `tool_calls`. */
export function readToolCall(value: unknown): ToolCall {
  if (!isRow(value)) throw wrongValue("tool call", "{name, arguments}", value);
  const id = own(value, "id");
  const call = own(value, "function") ?? value;
  if (!isRow(call)) throw wrongValue("tool call: function", "{name, arguments}", call);
  const name = requiredText(call, "name");
  if (name === "") throw new AttuneError({ code: "data.unnamed-call", problem: "a tool call has no name" });
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
  if (isDeeper(value, DEPTH_LIMIT)) throw tooDeep("tool call");
  const blank = (key: string) => (key === "name" ? "" : key === "arguments" ? null : exactItem(call, key));
  const called = new Map(exactKeys(call).map((key) => [key, blank(key)]));
  return { layout: new Map(order.map((key) => [key, key === "function" ? called : exactItem(value, key)])) };
}

function readArguments(value: unknown, name: string): Row {
  const parsed = isText(value) && value.trim() !== "" ? parseText(value, `arguments of ${name}`) : value;
  if (isEmpty(parsed) || (isText(parsed) && parsed.trim() === "")) return {};
  if (isDeeper(parsed, DEPTH_LIMIT)) throw tooDeep(`arguments of ${name}`);
  if (isRow(parsed)) return parsed;
  throw wrongValue(`arguments of ${name}`, "a JSON object", parsed);
}
