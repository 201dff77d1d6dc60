import { AttuneError } from "../text/errors.ts";
import { writeJson } from "../text/exact_json.ts";
import type { Message, ToolCall } from "./message.ts";
import type { Template, TemplateInput } from "./template.ts";

/** How a template writes the calls of an assistant: what a model that was trained on it will write. */
export interface CallWriting {
  /** What stands before a call, without white space around it; "" where an answer that calls is nothing but calls. */
  begin: string;
  /** The key of the function's name, and that of its arguments. */
  name: string;
  arguments: string;
}

const NAME = "attune_probe";
const KEY = "attune_key";

/**
 * Finds out by an example how calls are written.
 * @returns undefined where the template doesn't write them as JSON objects
 */
export function callWriting(
  template: Template,
  { tools, variables }: Omit<TemplateInput, "messages">,
): CallWriting | undefined {
  const question: Message = { role: "user", content: "attune" };
  const call: Message = {
    role: "assistant",
    content: "",
    toolCalls: [{ id: "attune000", name: NAME, arguments: { [KEY]: "value" } }],
  };
  const render = (messages: Message[], addGenerationPrompt: boolean) =>
    template.render({ messages, tools, variables }, { addGenerationPrompt });
  const texts = attempt(() => [render([question], true), render([question, call], false)]);
  if (!texts) return undefined;
  const [asked, answered] = texts as [string, string];
  const at = answered.indexOf(NAME);
  const start = at < 0 ? -1 : answered.lastIndexOf("{", at);
  const written = start < 0 ? undefined : valueAt(answered, start)?.value;
  const keys = keysOf(written);
  if (!keys) return undefined;
  const before = answered.slice(commonLength(asked, answered), start).trim();
  const begin = before.replace(/\[$/, "").trim().split(/\s/).at(-1)!; // thoughts may come before it
  return { begin, ...keys };
}

/** A template may refuse calls. */
function attempt<T>(render: () => T): T | undefined {
  try {
    return render();
  } catch (error) {
    if (error instanceof AttuneError) return undefined;
    throw error;
  }
}

function keysOf(written: unknown): Pick<CallWriting, "name" | "arguments"> | undefined {
  const entries = Object.entries(Object(written));
  const name = entries.find(([, value]) => value === NAME)?.[0];
  const args = entries.find(([, value]) => writeJson(value as never).includes(KEY))?.[0];
  return name === undefined || args === undefined ? undefined : { name, arguments: args };
}

function commonLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

/** An answer's text apart from its calls. One whose calls can't be read is all text. */
export function readWrittenCalls(text: string, writing: CallWriting): { content: string; calls: ToolCall[] } {
  const { begin } = writing;
  const asText = { content: text, calls: [] };
  const [content, ...parts] = begin === "" ? ["", text] : text.split(begin);
  const calls = parts.map((part) => readCalls(part, writing));
  if (parts.length === 0 || calls.some((some) => some === undefined)) return asText;
  return { content: content!.trimEnd(), calls: calls.flatMap((some) => some!) };
}

/** The calls that `text` begins with: an object, a list of them, or several with a `;` between. */
function readCalls(text: string, writing: CallWriting): ToolCall[] | undefined {
  const calls: ToolCall[] = [];
  for (let at = skipSpace(text, 0); "{[".includes(text[at] ?? " "); ) {
    const found = valueAt(text, at);
    const read = found && [found.value].flat().map((value) => readCall(value, writing));
    if (!read || read.some((call) => call === undefined)) return undefined;
    calls.push(...read.map((call) => call!));
    at = skipSpace(text, found.end);
    if (text[at] === ";") at = skipSpace(text, at + 1);
  }
  return calls.length > 0 ? calls : undefined;
}

function readCall(value: unknown, keys: CallWriting): ToolCall | undefined {
  const { [keys.name]: name, [keys.arguments]: args } = Object(value) as Record<string, unknown>;
  if (typeof name !== "string" || name === "") return undefined;
  const given = typeof args === "string" ? objectOf(args) : (args ?? {});
  if (typeof given !== "object" || given === null || Array.isArray(given)) return undefined;
  return { name, arguments: given as Record<string, unknown> };
}

function objectOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The JSON object or list that begins at `start`, and where it ends. */
function valueAt(text: string, start: number): { value: unknown; end: number } | undefined {
  const token = /"(?:[^"\\]|\\.)*"|[{}[\]]/gs;
  token.lastIndex = start;
  let depth = 0;
  for (let found = token.exec(text); found; found = token.exec(text)) {
    depth += "{[".includes(found[0]) ? 1 : "}]".includes(found[0]) ? -1 : 0;
    if (depth > 0) continue;
    const value = objectOf(text.slice(start, token.lastIndex));
    return value === undefined ? undefined : { value, end: token.lastIndex };
  }
  return undefined;
}

function skipSpace(text: string, at: number): number {
  while (at < text.length && /\s/.test(text[at]!)) at++;
  return at;
}
