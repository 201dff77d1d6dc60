/** What a zod schema refuses, in our own words: a person reads where, what was expected and what was found. */
import * as z from "zod";
import { describeValue } from "./describe_value.ts";
import { AttuneError, describeFault, type Fault, type Faults } from "./errors.ts";
import { excerpt } from "./excerpt.ts";

type Issue = z.core.$ZodIssue;

/** @throws AttuneError with `fault` as its first line and all that is wrong with `value`, key by key. */
export function parseWith<T>(schema: z.ZodType<T>, value: unknown, fault: Fault): T {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  throw new AttuneError(withFaults(fault, firstOfEachPlace(schemaFaults(result.error.issues, fault.code))));
}

/** A value may be wrong at very many places: each is looked up once. */
function firstOfEachPlace(faults: readonly Fault[]): Fault[] {
  const first = new Map<string | undefined, Fault>();
  for (const fault of faults) if (!first.has(fault.place)) first.set(fault.place, fault);
  return [...first.values()];
}

/** A single fault stands on the first line. */
function withFaults(fault: Fault, faults: readonly Fault[]): Faults {
  if (faults.length > 1) return { ...fault, faults };
  const [{ place, problem, expected, got }] = faults as [Fault];
  return { ...fault, place: [fault.place, place].filter(Boolean).join(": "), problem, expected, got };
}

/** The first of what is wrong, in one line, for an answer that isn't the user's to mend. */
export function schemaProblem({ issues }: z.ZodError): string {
  return describeFault(schemaFaults(issues, "schema")[0]!);
}

/** A fault for each issue. They have to come from `safeParse(value, { reportInput: true })`. */
export function schemaFaults(issues: readonly Issue[], code: string): Fault[] {
  return issues.flatMap((issue) => {
    const place = issue.path.map(String).join(".");
    if (issue.code === "unrecognized_keys")
      return issue.keys.map((key) => ({ code, place: keyPath(issue.path, key), problem: "unknown key" }));
    const meant = issue.code === "invalid_union" ? meantBranch(issue) : undefined;
    if (meant) return schemaFaults(meant, code);
    return [{ code, place, ...faultOf(issue) }];
  });
}

export const keyPath = (path: readonly PropertyKey[], key: string): string =>
  [...path, key].map(String).join(".");

function faultOf(issue: Issue): Pick<Fault, "problem" | "expected" | "got"> {
  const expected = expectedOf(issue);
  const input = inputOf(issue);
  const isScalar = issue.code !== "custom" && input !== undefined && typeof input !== "object";
  const isAbsent = input === undefined && "input" in issue;
  if (isAbsent && issue.code === "invalid_union" && expected === undefined)
    return { problem: "missing", expected: issue.message.replace(/^expected /, "") };
  if (expected === undefined)
    return { problem: issue.message, ...(isScalar && { got: describeValue(input) }) };
  if (input === undefined) return { problem: "missing", expected };
  return { expected, got: describeValue(input) };
}

/** Of a union that a key's value discriminates, that value: the issue's path ends in the key, its input doesn't. */
function inputOf(issue: Issue): unknown {
  if (issue.code !== "invalid_union" || issue.discriminator === undefined) return issue.input;
  return (issue.input as Record<string, unknown>)[issue.discriminator];
}

/** Undefined where the message is our own. */
function expectedOf(issue: Issue): string | undefined {
  if (issue.message !== wordsOfZod(issue)) return undefined;
  switch (issue.code) {
    case "invalid_type":
      return typeOf(issue);
    case "too_small":
      return atLeast(issue);
    case "too_big":
      return atMost(issue);
    case "invalid_value":
      return listOf(issue.values.map((value) => (typeof value === "string" ? value : excerpt(value))));
    case "invalid_format":
      return issue.format === "regex"
        ? `text of the form ${issue.pattern}`
        : `text that is a ${issue.format}`;
    case "not_multiple_of":
      return issue.divisor === 1 ? "a whole number" : `a multiple of ${issue.divisor}`;
    case "invalid_union":
      if ("options" in issue) return listOf((issue.options ?? []).map(String));
      return listOf([...new Set(optionsOf(issue))]);
    case "invalid_key":
      return keyOf(issue.issues);
    default:
      return undefined;
  }
}

function keyOf([issue]: readonly Issue[]): string {
  if (issue?.code === "invalid_format" && "pattern" in issue) return `a key of the form ${issue.pattern}`;
  return "a key that isn't empty";
}

function wordsOfZod(issue: Issue): string | undefined {
  const words = z.config().localeError?.(issue as z.core.$ZodRawIssue);
  return typeof words === "object" ? words?.message : (words ?? undefined);
}

function typeOf({ expected, input }: z.core.$ZodIssueInvalidType): string {
  const isSpecial = typeof input === "number" && !Number.isFinite(input);
  return isSpecial ? "a finite number" : (TYPES[expected] ?? expected);
}

const TYPES: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
  null: "null",
};

/** What the branches of a union take. */
function optionsOf(issue: Issue): string[] {
  if (issue.code === "invalid_union" && issue.message === wordsOfZod(issue))
    return issue.errors.flatMap((branch) => branch.flatMap(optionsOf));
  return [expectedOf(issue) ?? issue.message];
}

/**
 * The branch that the value goes along farthest: what is wrong in it says more than what all branches would take.
 * Undefined where it goes along none.
 */
function meantBranch(issue: z.core.$ZodIssueInvalidUnion): Issue[] | undefined {
  if (issue.message !== wordsOfZod(issue)) return undefined;
  const branches = issue.errors.map((branch) => branch.flatMap((one) => within(one, issue.path)));
  const depthOf = (branch: Issue[]) => Math.min(...branch.map(({ path }) => path.length));
  const [best] = branches.sort((one, other) => depthOf(other) - depthOf(one));
  return best?.some(({ path }) => path.length > issue.path.length) ? best : undefined;
}

/** With its whole path; of a union in a union, again the branch that was meant. */
function within(issue: Issue, parent: readonly PropertyKey[]): Issue[] {
  const whole = { ...issue, path: [...parent, ...issue.path] } as Issue;
  return (whole.code === "invalid_union" && meantBranch(whole)) || [whole];
}

function listOf(items: readonly string[]): string {
  if (items.length < 2) return items[0] ?? "another value";
  return `${items.slice(0, -1).join(", ")} or ${items.at(-1)}`;
}

function atLeast({ origin, minimum, inclusive }: z.core.$ZodIssueTooSmall): string {
  if (origin === "string")
    return minimum === 1 ? "text that isn't empty" : `text of at least ${minimum} characters`;
  if (origin === "array") return `a list of at least ${minimum}`;
  return `${numberOf(origin)} ${inclusive ? `of at least ${minimum}` : `above ${minimum}`}`;
}

function atMost({ origin, maximum, inclusive }: z.core.$ZodIssueTooBig): string {
  if (origin === "string") return `text of at most ${maximum} characters`;
  if (origin === "array") return `a list of at most ${maximum}`;
  return `${numberOf(origin)} ${inclusive ? `of at most ${maximum}` : `below ${maximum}`}`;
}

const numberOf = (origin: string) => (origin === "int" ? "a whole number" : "a number");
