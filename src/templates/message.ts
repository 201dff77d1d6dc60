export interface Message {
  role: "system" | "user" | "assistant" | "tool";
  content: string;
  /** Of an Alpaca row that has one: its `input`, which ends `content` after a blank line. Stanford's prompt needs it. */
  input?: string;
  /** What the assistant thought before it answered; templates know it as `reasoning_content`. */
  reasoning?: string;
  /** Calls the assistant makes. */
  toolCalls?: ToolCall[];
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
  arguments: Record<string, unknown>;
}

/** A function the assistant may call, as OpenAI's `tools` describe it: { type: "function", function: { … } }. */
export type Tool = Record<string, unknown>;
