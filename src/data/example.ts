import type { Message, Tool } from "../templates/message.ts";
import type { TemplateVariables } from "../templates/template.ts";

/** Where an example came from. */
export interface Origin {
  file: string;
  /** 1-based: the row of a JSON array, CSV or Parquet file, the line of a JSONL file, 1 for a plain text file. */
  row: number;
}

/** What every data format is read into. */
export type Example = Conversation | PromptCompletion | Text | Tokens | Preference | Feedback;

export interface Conversation {
  kind: "conversation";
  messages: Message[];
  tools?: Tool[];
  variables?: TemplateVariables;
  /** Of a task's row: which of the task's phrasings it was written in, counted from 0, templates before inversions. */
  phrasing?: number;
  origin: Origin;
}

export interface PromptCompletion {
  kind: "completion";
  prompt: string;
  completion: string;
  origin: Origin;
}

export interface Text {
  kind: "text";
  text: string;
  /** The document goes on in the next row, which has the same origin. */
  more?: true;
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
  variables?: TemplateVariables;
  chosen: Message;
  rejected: Message;
  origin: Origin;
}

/** An answer that was liked or not. */
export interface Feedback {
  kind: "feedback";
  messages: Message[];
  tools?: Tool[];
  variables?: TemplateVariables;
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
