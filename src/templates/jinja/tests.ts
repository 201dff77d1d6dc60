import { compare, contains, equal, Float, numberOf, TemplateError, truth, type Value } from "./value.ts";

export type Test = (value: Value, argument: Value) => boolean;

const order =
  (holds: (difference: number) => boolean): Test =>
  (value, argument) =>
    holds(compare(value, argument));
const below = order((difference) => difference < 0);
const above = order((difference) => difference > 0);
const atMost = order((difference) => difference <= 0);
const atLeast = order((difference) => difference >= 0);

function modulo(value: Value, divisor: number): number {
  const number = numberOf(value);
  if (number === undefined || divisor === 0) throw new TemplateError("the remainder of what is no number");
  return ((number % divisor) + divisor) % divisor;
}

const isSequence: Test = (value) =>
  typeof value === "string" || Array.isArray(value) || value instanceof Map || value === undefined;

/** https://jinja.palletsprojects.com/en/stable/templates/#list-of-builtin-tests */
export const TESTS: ReadonlyMap<string, Test> = new Map<string, Test>([
  ["defined", (value) => value !== undefined],
  ["undefined", (value) => value === undefined],
  ["none", (value) => value === null],
  ["boolean", (value) => typeof value === "boolean"],
  ["true", (value) => value === true],
  ["false", (value) => value === false],
  ["integer", (value) => typeof value === "number"],
  ["float", (value) => value instanceof Float],
  ["number", (value) => numberOf(value) !== undefined],
  ["string", (value) => typeof value === "string"],
  ["mapping", (value) => value instanceof Map],
  ["iterable", isSequence],
  ["sequence", isSequence],
  ["callable", (value) => typeof value === "function"],
  ["sameas", (value, argument) => value === argument],
  ["escaped", () => false],
  ["in", (value, argument) => contains(argument, value)],
  ["odd", (value) => modulo(value, 2) === 1],
  ["even", (value) => modulo(value, 2) === 0],
  ["divisibleby", (value, argument) => modulo(value, numberOf(argument) ?? 0) === 0],
  [
    "lower",
    (value) => typeof value === "string" && value === value.toLowerCase() && value !== value.toUpperCase(),
  ],
  [
    "upper",
    (value) => typeof value === "string" && value === value.toUpperCase() && value !== value.toLowerCase(),
  ],
  ...["eq", "equalto", "=="].map((name): [string, Test] => [name, equal]),
  ...["ne", "!="].map((name): [string, Test] => [name, (value, argument) => !equal(value, argument)]),
  ...["lt", "lessthan", "<"].map((name): [string, Test] => [name, below]),
  ...["gt", "greaterthan", ">"].map((name): [string, Test] => [name, above]),
  ...["le", "<="].map((name): [string, Test] => [name, atMost]),
  ...["ge", ">="].map((name): [string, Test] => [name, atLeast]),
]);

export function testNamed(name: string): Test {
  const test = TESTS.get(name);
  if (!test) throw new TemplateError(`there is no test named ${name}`);
  return test;
}

/** What `select` keeps when it names no test. */
export const isTrue: Test = (value) => truth(value);
