import type { Json } from "../text/exact_json.ts";

export interface Message {
  role: "system" | "user" | "assistant" | "tool";
  content: string;
  /** Of a message with tool calls and no content: whether its row says null or nothing. */
  missingContent?: "null" | "absent";
  /** Of an Alpaca row that has one: its `input`, which ends `content` after a blank line. Stanford's prompt needs it. */
  input?: string;
  /** What the assistant thought before it answered; templates know it as `reasoning_content`. */
  reasoning?: string;
  /** Calls the assistant makes. */
  toolCalls?: ToolCall[];
  /** How a template is shown a message with calls; what the template can write when left out (call_forms.ts). */
  callForm?: CallForm;
  /** Of a tool message: the tool's name, and the call it answers. */
  name?: string;
  toolCallId?: string;
  /** Label weight of an assistant message's tokens: 1 when left out, 0 trains nothing of it. */
  weight?: number;
  /** What else its row says: templates may read it, as transformers hands them the whole message. */
  others?: Readonly<Record<string, unknown>>;
  /** Label weights of parts of `content`, in UTF-16 units; `weight` holds for the rest. */
  spans?: { start: number; end: number; weight: number }[];
}

export interface ToolCall {
  id?: string;
  name: string;
  /** Exactly: see text/exact_json.ts. */
  arguments: JsonObject;
  /** Where the row has them as JSON text: that text. */
  argumentsText?: string;
  /** The call as its row has it, where that isn't { id, type, function: { name, arguments } }: its keys and their order. */
  layout?: JsonObject;
}

export type JsonObject = Record<string, unknown> | ReadonlyMap<string, Json>;

/** Templates want calls' arguments as an object or as JSON text, and an empty content as a text, null or not at all. */
export interface CallForm {
  content: "text" | "null" | "absent";
  /** "row": as the row has them. */
  arguments: "object" | "row";
}

/** A function the assistant may call, as OpenAI's `tools` describe it: { type: "function", function: { … } }. */
export type Tool = Record<string, unknown>;
