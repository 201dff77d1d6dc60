import { AttuneError } from "../text/errors.ts";
import { compileProgram } from "./patterns/compile_program.ts";
import { createMatcher, type Matcher } from "./patterns/matcher.ts";
import { parsePattern } from "./patterns/parse_pattern.ts";
import type { StepBudget } from "./patterns/step_budget.ts";

const LONGEST = 10_000; // UTF-16 units

/**
 * A `pattern` of tokenizer.json, `{ "Regex": … }` (Oniguruma's syntax) or `{ "String": … }`.
 * @throws AttuneError when the pattern can't be computed exactly; the matcher does when a text takes too long.
 */
export function compilePattern(pattern: unknown, budget: StepBudget): Matcher {
  const { Regex, String: literal } = (pattern ?? {}) as { Regex?: unknown; String?: unknown };
  if (typeof Regex === "string") return compileRegex(Regex, budget);
  if (typeof literal === "string" && literal !== "") return findLiteral(literal);
  throw new AttuneError({
    code: "tokenizers.no-pattern",
    place: "tokenizer.json",
    expected: 'a pattern {"Regex": …} or {"String": …}',
    got: JSON.stringify(pattern),
  });
}

/** The matcher of a pattern in Oniguruma's syntax. */
export function compileRegex(source: string, budget: StepBudget): Matcher {
  const refuse = (problem: string): never => {
    throw new AttuneError({
      code: "tokenizers.unsupported-pattern",
      place: `tokenizer.json: the pattern ${JSON.stringify(source)}`,
      problem,
    });
  };
  if (source.length > LONGEST) return refuse(`it is longer than ${LONGEST} characters`);
  return createMatcher(compileProgram(parsePattern(source, refuse), refuse), budget, (length) => {
    throw new AttuneError({
      code: "tokenizers.slow-pattern",
      place: `tokenizer.json: the pattern ${JSON.stringify(source)}`,
      problem: `it takes too many steps on a text of ${length} characters`,
      wayOut: "Take the tokenizer as its author published it, or leave the row out",
    });
  });
}

function findLiteral(literal: string): Matcher {
  return (text, found) => {
    for (let at = text.indexOf(literal); at >= 0; at = text.indexOf(literal, at + literal.length))
      found(at, at + literal.length);
  };
}
