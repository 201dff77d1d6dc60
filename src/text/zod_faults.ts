import type * as z from "zod";
import type { Fault } from "./errors.ts";
import { excerpt } from "./excerpt.ts";

/** What a schema makes of a value, or what is wrong with it: a fault for each key. */
export type Checked<T> = { data: T; faults?: undefined } | { data?: undefined; faults: Fault[] };

/**
 * Checks `value`, which lies at `place`, against `schema`. Faults are in our own words: expected, got, and the schema's own
 * message where it has one.
 */
export function checkShape<T>(
  schema: z.ZodType<T>,
  value: unknown,
  { code, place = "" }: { code: string; place?: string },
): Checked<T> {
  // A schema's own message goes before this one, so that an empty message means zod's standard one.
  const result = schema.safeParse(value, { reportInput: true, error: () => "" });
  if (result.success) return { data: result.data };
  const faults = result.error.issues.flatMap((issue) => faultsOf(issue, place));
  return { faults: faults.map((fault) => ({ ...fault, code })) };
}

type Issue = z.core.$ZodIssue;
type Wording = Omit<Fault, "code">;

function faultsOf(issue: Issue, parent: string): Wording[] {
  const place = keyAt(parent, issue.path);
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => ({ place: keyAt(place, [key]), problem: "unknown key" }));
  if (issue.code === "invalid_union" && !issue.message) return [ofUnion(issue, place)];
  const { input } = issue;
  if (issue.message) return [{ place, problem: issue.message, ...gotOf(input) }];
  const expected = expectation(issue);
  if (input === undefined) return [{ place, problem: "is missing", expected }];
  return [{ place, expected, ...gotOf(input) }];
}

/** The branch that fits best says what is wrong; where none fits at all, what any of them would take. */
function ofUnion(issue: z.core.$ZodIssueInvalidUnion, place: string): Wording {
  const branches = issue.errors.filter((errors) => errors.length > 0);
  const within = branches.find(([first]) => first!.path.length > 0);
  if (within) return faultsOf({ ...within[0]!, message: "" } as Issue, place)[0]!;
  const expected = [...new Set(branches.map(([first]) => expectation(first!)))].join(" or ");
  if (issue.input === undefined) return { place, problem: "is missing", expected };
  return { place, expected, ...gotOf(issue.input) };
}

function expectation(issue: Issue): string {
  switch (issue.code) {
    case "invalid_type":
      return TYPES[issue.expected] ?? issue.expected;
    case "invalid_value":
      return oneOf(issue.values);
    case "too_small":
      return bound(issue.origin, issue.inclusive === false ? "more than" : "at least", issue.minimum);
    case "too_big":
      return bound(issue.origin, issue.inclusive === false ? "less than" : "at most", issue.maximum);
    case "not_multiple_of":
      return `a multiple of ${issue.divisor}`;
    case "invalid_format":
      return `text of the form ${issue.format}`;
    default:
      return "another value";
  }
}

const TYPES: Record<string, string> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
  null: "null",
  nonoptional: "a value",
};

function oneOf(values: readonly unknown[]): string {
  const texts = values.map((value) => JSON.stringify(value));
  return texts.length === 1 ? texts[0]! : `one of ${texts.join(", ")}`;
}

function bound(origin: string, relation: string, limit: number | bigint): string {
  const units: Record<string, string> = { array: " entries", string: " characters", object: " keys" };
  return `${relation} ${limit}${units[origin] ?? ""}`;
}

const gotOf = (input: unknown): Pick<Fault, "got"> => (input === undefined ? {} : { got: described(input) });

/** JSON has no other way to write a number that is not finite. */
const described = (input: unknown): string => (typeof input === "number" ? String(input) : excerpt(input));

const keyAt = (parent: string, path: readonly PropertyKey[]): string =>
  [parent, ...path.map(String)].filter(Boolean).join(".");
