import type { CharSet } from "./char_set.ts";

/** A pattern, read: what Oniguruma would match, with options and shorthands resolved. */
export type PatternNode =
  /** One character of the set. */
  | { kind: "set"; set: CharSet; folded?: string }
  | { kind: "sequence"; parts: PatternNode[] }
  /** The first option that leads to a match. */
  | { kind: "choice"; options: PatternNode[] }
  | Repeat
  /** What is matched inside stays as it was matched first. */
  | { kind: "atomic"; body: PatternNode }
  | { kind: "look"; body: PatternNode; behind: boolean; negative: boolean }
  | { kind: "place"; place: Place };

export interface Repeat {
  kind: "repeat";
  body: PatternNode;
  min: number;
  /** Infinity for no bound. */
  max: number;
  lazy: boolean;
}

/** Where a match may stand: edges of lines, of the text, and of words. */
export const PLACES = [
  ...["lineStart", "lineEnd", "textStart", "textEnd", "lastLineEnd", "wordEdge", "noWordEdge"],
] as const satisfies readonly string[];
export type Place =
  | "lineStart"
  | "lineEnd"
  | "textStart"
  | "textEnd"
  | "lastLineEnd"
  | "wordEdge"
  | "noWordEdge";
