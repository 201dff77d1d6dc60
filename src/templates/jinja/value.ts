/** What a template's expressions are made of, and what Python does with it: jinja2's values, without their classes. */

export type Value =
  | undefined // jinja2's Undefined
  | null
  | boolean
  | number // an int
  | Float
  | string
  | Value[] // a list, or a Tuple
  | Map<Value, Value>
  | Namespace
  | Callable;

export type Callable = (positional: Value[], named: Map<string, Value>) => Value;

/** Python's float, which prints 1.0 where an int prints 1. */
export class Float {
  constructor(readonly value: number) {}
}

/** Prints with parentheses, and equals no list. */
export class Tuple extends Array<Value> {}

/** What attributes can be read from: `namespace()`, which can be assigned to, and `loop`. */
export class Namespace {
  constructor(readonly values: Map<string, Value>) {}
  get(name: string): Value {
    return this.values.get(name);
  }
}

/** The template's own fault, or what it raises: the message is for the user. */
export class TemplateError extends Error {}

/** JSON into values. Only own keys are read. */
export function fromJson(value: unknown): Value {
  if (typeof value === "number") return Number.isInteger(value) ? value : new Float(value);
  if (Array.isArray(value)) return value.map(fromJson);
  if (typeof value !== "object" || value === null) return value as Value;
  return new Map(Object.entries(value).map(([key, item]) => [key, fromJson(item)]));
}

export function truth(value: Value): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof Map) return value.size > 0;
  if (value instanceof Float) return value.value !== 0;
  return Boolean(value);
}

/** Of the types Python calls numbers: bool, int and float. */
export function numberOf(value: Value): number | undefined {
  if (value instanceof Float) return value.value;
  if (typeof value === "boolean") return Number(value);
  return typeof value === "number" ? value : undefined;
}

export function equal(a: Value, b: Value): boolean {
  if (a === b) return true;
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== undefined || y !== undefined) return x === y;
  if (Array.isArray(a) && Array.isArray(b))
    return (
      a instanceof Tuple === b instanceof Tuple &&
      a.length === b.length &&
      a.every((item, i) => equal(item, b[i]))
    );
  if (a instanceof Map && b instanceof Map)
    return a.size === b.size && [...a].every(([key, item]) => b.has(key) && equal(item, b.get(key)));
  return false;
}

/** Below 0, 0 or above, as a is before, with or behind b. */
export function compare(a: Value, b: Value): number {
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== undefined && y !== undefined) return x - y;
  if (typeof a === "string" && typeof b === "string") return compareText(a, b);
  if (Array.isArray(a) && Array.isArray(b)) {
    const at = a.findIndex((item, i) => i >= b.length || !equal(item, b[i]));
    if (at < 0) return a.length - b.length;
    return at < b.length ? compare(a[at], b[at]) : 1;
  }
  throw new TemplateError(`${typeName(a)} and ${typeName(b)} can't be compared`);
}

/** By code point. */
function compareText(a: string, b: string): number {
  const [x, y] = [Array.from(a), Array.from(b)];
  const at = x.findIndex((char, i) => char !== y[i]);
  if (at < 0) return x.length - y.length;
  return at < y.length ? x[at]!.codePointAt(0)! - y[at]!.codePointAt(0)! : 1;
}

export function contains(container: Value, item: Value): boolean {
  if (typeof container === "string") {
    if (typeof item === "string") return container.includes(item);
    throw new TemplateError(`'in <string>' needs a string, got ${typeName(item)}`);
  }
  if (container instanceof Map) return container.has(item);
  return iterate(container).some((other) => equal(other, item));
}

export function iterate(value: Value): Value[] {
  if (Array.isArray(value)) return value;
  if (value === undefined) return [];
  if (value instanceof Map) return [...value.keys()];
  if (typeof value === "string") return Array.from(value);
  throw new TemplateError(`${typeName(value)} can't be iterated over`);
}

export function lengthOf(value: Value): number {
  if (value instanceof Map) return value.size;
  if (typeof value === "string" && !SURROGATE.test(value)) return value.length;
  return iterate(value).length;
}

const SURROGATE = /[\ud800-\udfff]/;

/** A string's characters are code points, in Python. */
export const characters = (text: string): string | string[] =>
  SURROGATE.test(text) ? Array.from(text) : text;

/** Python's str(). */
export function str(value: Value): string {
  if (typeof value === "string") return value;
  return value === undefined ? "" : repr(value);
}

/** Python's repr(). */
export function repr(value: Value): string {
  if (value === undefined) return "Undefined";
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "number") return String(value);
  if (value instanceof Float) return floatRepr(value.value);
  if (typeof value === "string") return quote(value);
  if (value instanceof Tuple)
    return value.length === 1 ? `(${repr(value[0])},)` : `(${Array.from(value, repr).join(", ")})`;
  if (Array.isArray(value)) return `[${value.map(repr).join(", ")}]`;
  if (value instanceof Map)
    return `{${Array.from(value, ([key, item]) => `${repr(key)}: ${repr(item)}`).join(", ")}}`;
  throw new TemplateError(`${typeName(value)} can't be written as text`);
}

function quote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(/[\\\n\r\t\p{Cc}\p{Zl}\p{Zp}]|['"]/gu, (char) => {
    if (char === "'" || char === '"') return char === mark ? `\\${char}` : char;
    const short = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" }[char];
    if (short) return short;
    const code = char.charCodeAt(0);
    return code < 256
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
  return mark + escaped + mark;
}

/** The shortest digits that give the number, with an exponent below 1e-4 and from 1e16 on. */
export function floatRepr(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  const [digits, exponent] = value.toExponential().split("e") as [string, string];
  const power = Number(exponent);
  if (value !== 0 && (power < -4 || power >= 16))
    return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  const plain =
    power < 0 ? value.toFixed(Math.max(0, digits.replace(/[-.]/g, "").length - 1 - power)) : String(value);
  return plain.includes(".") ? plain : `${plain}.0`;
}

export function typeName(value: Value): string {
  if (value === undefined) return "an undefined value";
  if (value === null) return "None";
  if (typeof value === "boolean") return "a bool";
  if (typeof value === "number") return "an int";
  if (value instanceof Float) return "a float";
  if (typeof value === "string") return "a string";
  if (value instanceof Tuple) return "a tuple";
  if (Array.isArray(value)) return "a list";
  if (value instanceof Map) return "a dict";
  return value instanceof Namespace ? "a namespace" : "a function";
}

/** Longest string or list a template may make: a few characters of source could ask for any amount. */
export const MAX_SIZE = 2 ** 28;

export function checkSize(size: number): void {
  if (!(size <= MAX_SIZE)) throw new TemplateError(`it makes a text or list of more than ${MAX_SIZE} parts`);
}
