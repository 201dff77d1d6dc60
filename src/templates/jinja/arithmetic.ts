import { charge, chargeJoined, chargeList, chargeText } from "./budget.ts";
import { parts } from "./digits.ts";
import { TemplateError } from "./error.ts";
import { escapeHtml } from "./html.ts";
import {
  addIntegers,
  divideIntegers,
  divideIntegersDown,
  moduloIntegers,
  multiplyIntegers,
  raiseInteger,
  subtractIntegers,
  toFloat,
} from "./integers.ts";
import { formatMarkup, percentFormat } from "./percent_format.ts";
import { Float, type Int, intOf, Markup, numberOf, Tuple, textOf, typeName, type Value } from "./value.ts";

export type Operator = (a: Value, b: Value) => Value;

/** Python's operators, by how templates write them. */
export const OPERATORS: Readonly<Record<string, Operator>> = {
  "+": add,
  "-": (a, b) => calculate("-", a, b) ?? impossible(a, "-", b),
  "*": multiply,
  "/": (a, b) => calculate("/", a, b) ?? impossible(a, "/", b),
  "//": (a, b) => calculate("//", a, b) ?? impossible(a, "//", b),
  "**": (a, b) => calculate("**", a, b) ?? impossible(a, "**", b),
  "%": remainder,
};

export function add(a: Value, b: Value): Value {
  if (typeof a === "string" && typeof b === "string") return joinTexts(a, b);
  const sum = calculate("+", a, b);
  if (sum !== undefined) return sum;
  if (a instanceof Markup || b instanceof Markup) {
    const [x, y] = [textOf(a), textOf(b)];
    if (x === undefined || y === undefined) return impossible(a, "+", b);
    return new Markup(joinTexts(escapeHtml(a), escapeHtml(b)));
  }
  if (!Array.isArray(a) || !Array.isArray(b) || a instanceof Tuple !== b instanceof Tuple)
    return impossible(a, "+", b);
  chargeList(a.length + b.length);
  return a instanceof Tuple ? Tuple.from([...a, ...b]) : [...a, ...b];
}

function joinTexts(a: string, b: string): string {
  chargeJoined(a.length + b.length, Math.min(a.length, b.length));
  return a + b;
}

function multiply(a: Value, b: Value): Value {
  const product = calculate("*", a, b);
  if (product !== undefined) return product;
  const [x, y] = [intOf(a), intOf(b)];
  if (x !== undefined) return repeat(b, x) ?? impossible(a, "*", b);
  return (y !== undefined ? repeat(a, y) : undefined) ?? impossible(a, "*", b);
}

function repeat(value: Value, times: Int): Value {
  if (typeof times === "bigint") throw new TemplateError("it can't be repeated as often as that");
  const count = Math.max(0, times);
  const text = textOf(value);
  if (text !== undefined) {
    chargeText(text.length * count);
    return value instanceof Markup ? new Markup(text.repeat(count)) : text.repeat(count);
  }
  if (!Array.isArray(value)) return undefined;
  chargeList(value.length * count);
  const items: Value[] = value instanceof Tuple ? new Tuple() : [];
  for (let i = 0; i < count; i++) for (const item of value) items.push(item);
  return items;
}

function remainder(a: Value, b: Value): Value {
  if (typeof a === "string") return percentFormat(a, b);
  if (a instanceof Markup) return formatMarkup(a, b);
  return calculate("%", a, b) ?? impossible(a, "%", b);
}

/** Undefined where one of the two is no number. */
function calculate(operator: string, a: Value, b: Value): Value {
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x === undefined || y === undefined) return undefined;
  if (y === 0 && (operator === "/" || operator === "//" || operator === "%"))
    throw new TemplateError("division by zero");
  if (a instanceof Float || b instanceof Float) return new Float(floats(operator, toFloat(x), toFloat(y)));
  return integers(operator, x, y);
}

function integers(operator: string, a: Int, b: Int): Value {
  switch (operator) {
    case "+":
      return addIntegers(a, b);
    case "-":
      return subtractIntegers(a, b);
    case "*":
      return multiplyIntegers(a, b);
    case "/":
      return new Float(divideIntegers(a, b));
    case "//":
      return divideIntegersDown(a, b);
    case "%":
      return moduloIntegers(a, b);
    default:
      return b < 0 ? new Float(raise(toFloat(a), toFloat(b))) : raiseInteger(a, b);
  }
}

function floats(operator: string, a: number, b: number): number {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return a / b;
    case "//":
      return floorQuotient(a, b);
    case "%":
      return floorRemainder(a, b);
    default:
      return raise(a, b);
  }
}

/** With the divisor's sign, even where it is 0. */
function floorRemainder(a: number, b: number): number {
  const rest = a % b;
  if (rest === 0) return Math.abs(rest) * (b < 0 || Object.is(b, -0) ? -1 : 1);
  return rest < 0 !== b < 0 ? rest + b : rest;
}

/** As CPython computes it (Objects/floatobject.c, _float_div_mod). */
function floorQuotient(a: number, b: number): number {
  const rest = a % b;
  const quotient = (a - rest) / b - (rest !== 0 && rest < 0 !== b < 0 ? 1 : 0);
  if (quotient === 0) return a / b < 0 || Object.is(a / b, -0) ? -0 : 0;
  const floor = Math.floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

function raise(base: number, exponent: number): number {
  if (base === 0 && exponent < 0) throw new TemplateError("0 can't be raised to a negative power");
  if (base === 1 || exponent === 0) return 1;
  const result = power(base, exponent);
  if (Number.isNaN(result) && !Number.isNaN(base) && !Number.isNaN(exponent)) {
    if (base === -1 && !Number.isFinite(exponent)) return 1;
    throw new TemplateError("a negative number's root is no number");
  }
  if (!Number.isFinite(result) && Number.isFinite(base) && Number.isFinite(exponent))
    throw new TemplateError("the power is too large for a float");
  return result;
}

/** JavaScript's own is off by a digit now and then, which is seen where a power is whole. */
function power(base: number, exponent: number): number {
  const size = Math.abs(exponent);
  if (!Number.isInteger(exponent) || size > 1100 || !Number.isFinite(base) || base === 0)
    return base ** exponent;
  const estimate = Math.abs(base ** exponent);
  if (!(estimate > 1e-300 && estimate < 1e300)) return base ** exponent;
  const [mantissa, twos] = parts(Math.abs(base));
  charge(size * 64);
  const numerator = mantissa ** BigInt(size) * 2n ** BigInt(Math.max(0, twos) * size);
  const denominator = 2n ** BigInt(Math.max(0, -twos) * size);
  const sign = base < 0 && size % 2 === 1 ? -1 : 1;
  return (
    sign * (exponent < 0 ? divideIntegers(denominator, numerator) : divideIntegers(numerator, denominator))
  );
}

export function negate(value: Value): Value {
  if (value instanceof Float) return new Float(-value.value);
  const int = intOf(value);
  if (int === undefined) throw new TemplateError(`-${typeName(value)} isn't possible`);
  return int === 0 ? 0 : -int;
}

export function plus(value: Value): Value {
  if (value instanceof Float) return value;
  const int = intOf(value);
  if (int === undefined) throw new TemplateError(`+${typeName(value)} isn't possible`);
  return int;
}

function impossible(a: Value, operator: string, b: Value): never {
  throw new TemplateError(`${typeName(a)} ${operator} ${typeName(b)} isn't possible`);
}
