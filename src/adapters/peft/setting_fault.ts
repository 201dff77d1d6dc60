import type * as z from "zod";
import type { Fault } from "../../text/errors.ts";
import { excerpt } from "../../text/excerpt.ts";

type Issue = z.core.$ZodIssue;

/** What zod refuses, in our own words. The issue has to come from `safeParse(value, { reportInput: true })`. */
export function settingFault(issue: Issue): Fault {
  const meant = issue.code === "invalid_union" ? meantBranch(issue) : undefined;
  if (meant) return settingFault({ ...meant, path: [...issue.path, ...meant.path] });
  return {
    code: "adapter.wrong-setting",
    place: issue.path.map(String).join("."),
    expected: expectedOf(issue),
    got: issue.input === undefined ? "nothing" : excerpt(issue.input),
  };
}

/** The branch whose type is right, where there is one. */
function meantBranch({ errors }: z.core.$ZodIssueInvalidUnion): Issue | undefined {
  const inside = errors.filter((branch) =>
    branch.every(({ path, code }) => path.length > 0 || code !== "invalid_type"),
  );
  return inside.length === 1 ? inside[0]![0] : undefined;
}

function expectedOf(issue: Issue): string {
  const own = issue.message.replace(/^expected /, "");
  if (own !== issue.message) return own;
  switch (issue.code) {
    case "invalid_type":
      return TYPES[issue.expected] ?? issue.expected;
    case "too_small":
      return issue.origin === "array" || issue.origin === "string"
        ? `${issue.origin === "array" ? "a list" : "text"} that isn't empty`
        : `a number ${issue.inclusive ? "from" : "above"} ${issue.minimum}${issue.inclusive ? " on" : ""}`;
    case "too_big":
      return `a number ${issue.inclusive ? "up to" : "below"} ${issue.maximum}`;
    case "invalid_value":
      return issue.values.map((value) => JSON.stringify(value)).join(" or ");
    case "invalid_union":
      return [...new Set(issue.errors.flatMap((branch) => branch.map(expectedOf)))].join(" or ");
    default:
      return "what PEFT writes there";
  }
}

const TYPES: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
};
