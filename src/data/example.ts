/** Where an example came from. */
export interface Origin {
  file: string;
  /** 1-based: the row of a JSON array, CSV or Parquet file, the line of a JSONL file, 1 for a plain text file. */
  row: number;
}

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

/** What every data format is read into. */
export type Example = Conversation | Completion | Text | Tokens | Preference | Feedback;

export interface Conversation {
  kind: "conversation";
  messages: Message[];
  tools?: Tool[];
  /** Of a task's row: which of the task's phrasings it was written in, counted from 0, templates before inversions. */
  phrasing?: number;
  origin: Origin;
}

export interface Completion {
  kind: "completion";
  prompt: string;
  completion: string;
  origin: Origin;
}

export interface Text {
  kind: "text";
  text: string;
  origin: Origin;
}

/** A row that is tokenized already. */
export interface Tokens {
  kind: "tokens";
  tokens: number[];
  /** Label weight of each token; every token but the first is a label when left out. */
  labelWeights?: number[];
  origin: Origin;
}

/** Two answers to one prompt, of which the first was preferred. */
export interface Preference {
  kind: "preference";
  /** All that comes before the answer. */
  messages: Message[];
  tools?: Tool[];
  chosen: Message;
  rejected: Message;
  origin: Origin;
}

/** An answer that was liked or not. */
export interface Feedback {
  kind: "feedback";
  messages: Message[];
  tools?: Tool[];
  answer: Message;
  desirable: boolean;
  origin: Origin;
}

/** A row that can't be read as an example. */
export interface UnusableRow {
  kind: "unusable";
  reason: string;
  origin: Origin;
}

export function describeOrigin({ file, row }: Origin): string {
  return `${file} row ${row}`;
}
