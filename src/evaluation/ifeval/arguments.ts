import { AttuneError } from "../../text/errors.ts";

/** What a row's `kwargs` say of one of its instructions. */
export type Arguments = Readonly<Record<string, unknown>>;

/** Checks whether an answer follows an instruction. */
export interface Instruction {
  /** Reads what it takes, before there is an answer. @throws AttuneError that names what is missing. */
  open(given: Arguments): (answer: string) => boolean;
}

export function textOf(given: Arguments, key: string): string {
  const value = given[key];
  if (typeof value === "string" && value.trim() !== "") return value.trim();
  throw missing(key, "a text");
}

export function countOf(given: Arguments, key: string): number {
  const value = given[key];
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw missing(key, "a whole number");
}

export function textsOf(given: Arguments, key: string): string[] {
  const value = given[key];
  if (Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === "string" && one !== ""))
    return value;
  throw missing(key, "a list of texts");
}

/** "less than" or "at least" so many. */
export function comparisonOf(given: Arguments, relation: string, count: string): (found: number) => boolean {
  const wanted = countOf(given, count);
  if (given[relation] === "less than") return (found) => found < wanted;
  if (given[relation] === "at least") return (found) => found >= wanted;
  throw missing(relation, '"less than" or "at least"');
}

const missing = (key: string, expected: string) =>
  new AttuneError({ code: "evaluation.ifeval-argument", problem: `kwargs: ${key} should be ${expected}` });
