/** Where an example came from. */
export interface Origin {
  file: string;
  /** 1-based: the row of a JSON array, the line of a JSONL file, 1 for a plain text file. */
  row: number;
}

export interface Message {
  role: "system" | "user" | "assistant" | "tool";
  content: string;
  /** Of an Alpaca row that has one: its `input`, which ends `content` after a blank line. Stanford's prompt needs it. */
  input?: string;
}

/** What every data format is read into. */
export type Example =
  | { kind: "conversation"; messages: Message[]; origin: Origin }
  | { kind: "completion"; prompt: string; completion: string; origin: Origin }
  | { kind: "text"; text: string; origin: Origin };

export function describeOrigin({ file, row }: Origin): string {
  return `${file} row ${row}`;
}
