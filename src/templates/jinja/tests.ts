import { taking } from "./arguments.ts";
import { OPERATORS } from "./arithmetic.ts";
import { contains } from "./contains.ts";
import { TemplateError } from "./error.ts";
import { hashKey } from "./hash.ts";
import { str } from "./repr.ts";
import { isLower, isUpper } from "./string_tests.ts";
import { compare, equal, Float, intOf, Markup, numberOf, Range, textOf, type Value } from "./value.ts";

export type Test = (value: Value, positional: Value[], named: Map<string, Value>) => boolean;
type Run = (value: Value, argument: Value) => boolean;

const order =
  (holds: (difference: number) => boolean): Run =>
  (value, argument) =>
    holds(compare(value, argument));
const below = order((difference) => difference < 0);
const above = order((difference) => difference > 0);
const atMost = order((difference) => difference <= 0);
const atLeast = order((difference) => difference >= 0);
const differs: Run = (value, argument) => !equal(value, argument);

const moduloOf = OPERATORS["%"]!;

const isSequence = (value: Value): boolean =>
  value === undefined ||
  textOf(value) !== undefined ||
  Array.isArray(value) ||
  value instanceof Map ||
  value instanceof Range;

const isIterable = (value: Value): boolean =>
  isSequence(value) || (typeof value === "object" && value !== null && Symbol.iterator in value);

/** One object: values that are the same anyway are, as Python keeps one of each. */
const isSame: Run = (value, argument) =>
  value === argument ||
  (value instanceof Float && argument instanceof Float && value.value === argument.value);

/** https://jinja.palletsprojects.com/en/stable/templates/#list-of-builtin-tests */
const ROWS: readonly (readonly [names: string, args: string, run: Run])[] = [
  ["defined", "", (value) => value !== undefined],
  ["undefined", "", (value) => value === undefined],
  ["none", "", (value) => value === null],
  ["boolean", "", (value) => typeof value === "boolean"],
  ["true", "", (value) => value === true],
  ["false", "", (value) => value === false],
  ["integer", "", (value) => typeof value !== "boolean" && intOf(value) !== undefined],
  ["float", "", (value) => value instanceof Float],
  ["number", "", (value) => numberOf(value) !== undefined],
  ["string", "", (value) => textOf(value) !== undefined],
  ["mapping", "", (value) => value instanceof Map],
  ["iterable", "", isIterable],
  ["sequence", "", isSequence],
  ["callable", "", (value) => typeof value === "function" || value === undefined],
  ["sameas", "other", isSame],
  ["escaped", "", (value) => value instanceof Markup],
  ["in", "seq", (value, argument) => contains(argument, value)],
  ["odd", "", (value) => equal(moduloOf(value, 2), 1)],
  ["even", "", (value) => equal(moduloOf(value, 2), 0)],
  ["divisibleby", "num", (value, argument) => equal(moduloOf(value, argument), 0)],
  ["lower", "", (value) => isLower(str(value))],
  ["upper", "", (value) => isUpper(str(value))],
  ["eq equalto ==", "other", equal],
  ["ne !=", "other", differs],
  ["lt lessthan <", "other", below],
  ["gt greaterthan >", "other", above],
  ["le <=", "other", atMost],
  ["ge >=", "other", atLeast],
  ["test", "", (value) => TESTS.has(hashKey(value) as string)],
];

const TESTS: Map<string, Test> = new Map(
  ROWS.flatMap(([names, args, run]) => {
    const bind = taking(`the test ${names.split(" ")[0]}`, args);
    const test: Test = (value, positional, named) => run(value, bind(positional, named)[0]);
    return names.split(" ").map((name): [string, Test] => [name, test]);
  }),
);

/** @throws TemplateError */
export function testNamed(name: string): Test {
  const test = TESTS.get(name);
  if (!test) throw new TemplateError(`there is no test named ${name}`);
  return test;
}
