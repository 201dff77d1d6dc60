import type { Message, Tool } from "../../templates/message.ts";
import type { TemplateVariables } from "../../templates/template.ts";
import { describeValue } from "../../text/describe_value.ts";
import { AttuneError, withPlace } from "../../text/errors.ts";
import { exactItem } from "../../text/exact_json.ts";
import { refuseKeys, refusePartKeys, refuseTurnKeys } from "./meaning_keys.ts";
import { DEPTH_LIMIT, isDeeper, tooDeep } from "./nested.ts";
import {
  asText,
  isEmpty,
  isRow,
  isText,
  missing,
  own,
  parseText,
  type Row,
  wrongValue,
} from "./row_fields.ts";
import { readVariables } from "./template_variables.ts";
import { readToolCall, readToolCalls, readTools } from "./tools.ts";
import { readTurnWeight, weightKeys } from "./turn_weight.ts";

/** Roles by the names they have in the field's files; "function_call" is an assistant's message that is nothing but calls. */
const ROLES: ReadonlyMap<string, Message["role"]> = new Map(
  Object.entries({
    system: ["system", "developer"],
    user: ["user", "human", "prompter"],
    assistant: ["assistant", "gpt", "model", "ai", "chatgpt", "bing", "bard", "function_call", "tool_call"],
    tool: ["tool", "observation", "function", "function_response", "tool_response", "ipython"],
  }).flatMap(([role, names]) => names.map((name) => [name, role as Message["role"]])),
);

const ROLE_KEYS = ["role", "from"];
const CONTENT_KEYS = ["content", "value", "text"];
const REASONING_KEYS = ["reasoning_content", "reasoning", "thinking"];
/** Read into a message's own fields; what else a turn has is for the template. */
const READ_KEYS = ["tool_calls", "function_call", "reasoning_content", "name", "tool_call_id", ...weightKeys];

/** Whether a value looks like a list of turns, of which there may be none. */
export const isTurnList = (value: unknown): boolean => Array.isArray(value) && value.every(isRow);

/** The same, or JSON text of one, as CSV files have it. */
export const isConversation = (value: unknown): boolean =>
  isText(value) ? /^\s*\[\s*[{\]]/.test(value) : isTurnList(value);

export interface RowConversation {
  messages: Message[];
  tools?: Tool[];
  variables?: TemplateVariables;
}

/** The conversation in `key`, after the row's `system` where it has one; with its `tools` and the template's variables. */
export function readConversation(row: Row, key: string): RowConversation {
  refuseKeys(row, ["history"]);
  const messages = withSystem(own(row, "system"), readTurns(own(row, key), key));
  return { messages, ...readTools(row), ...readVariables(row) };
}

/** @throws AttuneError unless one of `messages` is the assistant's. */
export function checkAnswered(messages: readonly Message[]): void {
  if (!messages.some(({ role }) => role === "assistant"))
    throw new AttuneError({
      code: "data.no-answer",
      problem: `there is no answer: no message has the role "assistant", found ${messages.map(({ role }) => role).join(", ")}`,
    });
}

/** A list of turns, { role, content } or { from, value } or whatever else their keys are; `key` is for messages. */
export function readTurns(value: unknown, key: string): Message[] {
  const turns = isText(value) ? parseText(value, key) : value;
  if (!Array.isArray(turns) || turns.length === 0) throw wrongValue(key, "a list of {role, content}", turns);
  const keys = findKeys(turns.filter(isRow));
  return turns.map((turn, i) => {
    try {
      return readTurn(turn, keys);
    } catch (error) {
      if (!(error instanceof AttuneError)) throw error;
      throw withPlace(error, `message ${i + 1} of "${key}"`);
    }
  });
}

/** The fault of an answer that isn't the assistant's. */
export const noLastAnswer = (key: string, role: string): AttuneError =>
  new AttuneError({
    code: "data.no-answer",
    place: key,
    expected: "an assistant's message at the end",
    got: `the role ${role}`,
  });

const onlyAssistant = (key: string, role: string): AttuneError =>
  new AttuneError({
    code: "data.not-the-assistant",
    place: key,
    problem: `only an assistant's message may have this key, this one's role is ${role}`,
  });

/** One turn, as a preference's `chosen` may be. */
export function readSingleTurn(value: unknown, key: string): Message {
  return readTurns([value], key)[0]!;
}

interface TurnKeys {
  role: string;
  content: string;
}

/** The names first, then what the turns look like: roles are known words, the content is the other text. */
function findKeys(turns: Row[]): TurnKeys {
  const keys = [...new Set(turns.flatMap(Object.keys))];
  const isRole = (key: string) => turns.every((turn) => roleOf(own(turn, key)) !== undefined);
  const role =
    ROLE_KEYS.find((key) => turns.some((turn) => own(turn, key) !== undefined)) ??
    keys.find(isRole) ??
    "role";
  const isContent = (key: string) => key !== role && turns.every((turn) => isText(own(turn, key)));
  const others = keys.filter(isContent);
  const content =
    CONTENT_KEYS.find((key) => turns.some((turn) => !isEmpty(own(turn, key)))) ??
    (others.length === 1 ? others[0]! : "content");
  return { role, content };
}

function readTurn(turn: unknown, keys: TurnKeys): Message {
  if (!isRow(turn)) throw wrongValue("a message", "{role, content}", turn);
  refuseTurnKeys(turn);
  const named = own(turn, keys.role);
  const role = roleOf(named);
  if (role === undefined) throw unknownRole(turn, named, keys.role);
  const toolCalls = readCalls(turn, named as string, keys);
  return {
    role,
    content: isCallName(named as string) ? "" : readContent(turn, keys.content, toolCalls.length > 0),
    ...readMissing(turn, keys, toolCalls.length > 0),
    ...readReasoning(turn, role),
    ...(toolCalls.length > 0 && { toolCalls }),
    ...optional(turn, "name", "name"),
    ...optional(turn, "tool_call_id", "toolCallId"),
    ...readTurnWeight(turn, role),
    ...readOthers(turn, [...READ_KEYS, keys.role, keys.content]),
  };
}

const roleOf = (name: unknown): Message["role"] | undefined =>
  isText(name) ? ROLES.get(name.toLowerCase()) : undefined;

function unknownRole(turn: Row, named: unknown, key: string): AttuneError {
  if (named === undefined) return missing(turn, key);
  return new AttuneError({
    code: "data.unknown-role",
    place: key,
    problem: `the role ${describeValue(named)} is unknown`,
    expected: [...ROLES.keys()].join(", "),
  });
}

const isCallName = (role: string): boolean => /^(function|tool)_call$/i.test(role);

function readCalls(turn: Row, role: string, keys: TurnKeys) {
  if (isCallName(role)) {
    const content = own(turn, keys.content);
    const calls = isText(content) ? parseText(content, role) : content;
    return Array.isArray(calls) ? calls.map(readToolCall) : [readToolCall(calls)];
  }
  const calls = readToolCalls(own(turn, "tool_calls"));
  const single = own(turn, "function_call");
  if (!isEmpty(single)) calls.push(readToolCall(single));
  if (calls.length > 0 && roleOf(role) !== "assistant") throw onlyAssistant("tool_calls", role);
  return calls;
}

/** Text, or OpenAI's list of { type: "text", text }; null where there are tool calls instead. */
function readContent(turn: Row, key: string, mayBeEmpty: boolean): string {
  const content = own(turn, key);
  if (isText(content)) return content;
  if (Array.isArray(content)) return content.map(readPart).join("");
  if (mayBeEmpty && isEmpty(content)) return "";
  if (content === undefined) throw missing(turn, key);
  return asText(content, key);
}

/** Templates may tell no content from an empty one. */
function readMissing(turn: Row, keys: TurnKeys, makesCalls: boolean): Pick<Message, "missingContent"> {
  const content = own(turn, keys.content);
  if (!makesCalls || isCallName(own(turn, keys.role) as string)) return {};
  if (content === null) return { missingContent: "null" };
  return content === undefined ? { missingContent: "absent" } : {};
}

function readPart(part: unknown): string {
  if (isRow(part)) refusePartKeys(part);
  const text = isRow(part) && own(part, "type") === "text" ? own(part, "text") : undefined;
  if (isText(text)) return text;
  const type = isRow(part) ? own(part, "type") : part;
  throw wrongValue(
    "part of the content",
    '{type: "text", text}',
    part,
    isText(type) ? `type ${describeValue(type)}` : describeValue(type),
  );
}

function readReasoning(turn: Row, role: Message["role"]): { reasoning?: string } {
  const key = REASONING_KEYS.find((name) => !isEmpty(own(turn, name)));
  if (key === undefined) return {};
  const reasoning = own(turn, key);
  if (!isText(reasoning)) throw wrongValue(key, "text", reasoning);
  if (role !== "assistant") throw onlyAssistant(key, role);
  return { reasoning };
}

function optional(turn: Row, key: string, name: "name" | "toolCallId"): Partial<Message> {
  const value = own(turn, key);
  if (isEmpty(value)) return {};
  if (!isText(value)) throw wrongValue(key, "text", value);
  return { [name]: value };
}

function readOthers(turn: Row, read: readonly string[]): Pick<Message, "others"> {
  const others = Object.entries(turn).filter(
    ([key, value]) => value !== null && value !== undefined && !read.includes(key),
  );
  const deep = others.find(([, value]) => isDeeper(value, DEPTH_LIMIT));
  if (deep) throw tooDeep(deep[0].slice(0, 40));
  return others.length === 0
    ? {}
    : { others: Object.fromEntries(others.map(([key]) => [key, exactItem(turn, key)])) };
}

function withSystem(system: unknown, messages: Message[]): Message[] {
  if (isEmpty(system)) return messages;
  if (!isText(system)) throw wrongValue("system", "text", system);
  if (messages[0]?.role !== "system") return [{ role: "system", content: system }, ...messages];
  if (messages[0].content === system) return messages;
  throw new AttuneError({
    code: "data.two-system-messages",
    problem: 'the key "system" and the first message are both system messages, and they differ',
    wayOut: "Leave one of them out",
  });
}
