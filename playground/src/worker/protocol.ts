import type { FetchProgress, MemoryTrainEvent, ResultFiles, RowsCheck } from "attune/browser";
import type { Device } from "../settings.ts";

/** Where a model comes from. "kept" is what an earlier visit put into the browser's storage. */
export type ModelSource =
  | { kind: "demo"; url: string }
  | { kind: "files"; name: string; files: Record<string, Blob> }
  | { kind: "hub"; name: string }
  | { kind: "kept"; name: string };

export interface ModelInfo {
  name: string;
  type: string;
  parameters: number;
  /** Of its weights. */
  bytes: number;
  maxPositions?: number;
}

export interface FileRows {
  rows: object[];
  /** What can't be read at all. */
  broken: { row: number; problem: string }[];
}

/** A recipe as it can be sent and kept: JSON. */
export type PlainRecipe = Record<string, unknown>;

export interface RunInput {
  recipe: PlainRecipe;
  rows: readonly object[];
  /** What the format calls the rows' columns. */
  columns?: Record<string, string>;
}

/** What the page asks of the worker. All but `stop` answer when they are done, and tell what happens until then. */
export interface Calls {
  open: (
    input: { source: ModelSource; keeps: boolean },
    tell: (progress: FetchProgress) => void,
  ) => ModelInfo;
  read: (file: { name: string; blob: Blob }) => FileRows;
  check: (input: RunInput & { shown: number }) => RowsCheck;
  tune: (
    input: RunInput & { device: Device; goOn: boolean; keeps: boolean; checkpoint?: Uint8Array },
    tell: (event: Exclude<MemoryTrainEvent, { type: "end" }> | UnkeptCheckpoint) => void,
  ) => Extract<MemoryTrainEvent, { type: "end" }>;
  stop: () => void;
  /** What answers as the tuned model. */
  use: (adapter: ResultFiles) => void;
  ask: (question: { text: string; device: Device }, tell: (piece: AnswerPiece) => void) => Answers;
}

/** One that the browser's storage has no room for: the page holds it, as the worker may die. */
export interface UnkeptCheckpoint {
  type: "unkept";
  checkpoint: Uint8Array;
}

export interface AnswerPiece {
  who: keyof Answers;
  piece: string;
}

export interface Answers {
  before: string;
  /** Of the adapter, where there is one. */
  after?: string;
}

export type Name = keyof Calls;
export type Input<K extends Name> = Parameters<Calls[K]>[0];
export type Output<K extends Name> = ReturnType<Calls[K]>;
export type Tell<K extends Name> = NonNullable<Parameters<Calls[K]>[1]>;

export interface Request<K extends Name = Name> {
  id: number;
  name: K;
  input: Input<K>;
}

/** A program's error has no code. */
export interface Failure {
  code?: string;
  message: string;
}

export type Reply = { id: number } & ({ event: unknown } | { value: unknown } | { failure: Failure });
