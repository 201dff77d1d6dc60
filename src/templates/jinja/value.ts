/** What a template's expressions are made of: Python's values, as far as templates can have them. */

import { COST, charge, chargeList } from "./budget.ts";
import { characters, countCharacters } from "./characters.ts";
import { TemplateError } from "./error.ts";

export type Value =
  | undefined // jinja2's Undefined
  | null
  | boolean
  | Int
  | Float
  | string
  | Markup
  | Value[] // a list, or a Tuple
  | Map<Value, Value>
  | Range
  | View
  | Stream
  | Thing
  | Callable;

/** Python's int: a bigint where a number couldn't hold it exactly (integers.ts). */
export type Int = number | bigint;

export type Callable = (positional: Value[], named: Map<string, Value>) => Value;

/** Python's float, which prints 1.0 where an int prints 1. */
export class Float {
  constructor(readonly value: number) {}
}

/** A text that counts as HTML already: what is added to it is escaped. */
export class Markup {
  constructor(readonly text: string) {}
}

/** Prints with parentheses, and equals no list. */
export class Tuple extends Array<Value> {}

/** What `groupby` makes: (grouper, list), by place and by name. */
export class Group extends Tuple {}

/** Python's range(). */
export class Range {
  readonly length: number;
  constructor(
    readonly start: number,
    readonly stop: number,
    readonly step: number,
  ) {
    this.length = Math.max(0, Math.ceil((stop - start) / step));
  }
  at(index: number): number {
    return this.start + index * this.step;
  }
  *[Symbol.iterator](): Generator<Value> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }
}

/** A dict's keys(), values() or items(). */
export class View {
  constructor(
    readonly kind: "keys" | "values" | "items",
    readonly map: Map<Value, Value>,
  ) {}
  get length(): number {
    return this.map.size;
  }
  *[Symbol.iterator](): Generator<Value> {
    if (this.kind === "items") for (const entry of this.map) yield Tuple.from(entry);
    else yield* this.kind === "keys" ? this.map.keys() : this.map.values();
  }
}

/** Python's iterators, as `map` and `select` make: what is taken is gone, and it is true when nothing is left, too. */
export class Stream {
  constructor(private readonly items: Iterator<Value>) {}
  [Symbol.iterator](): IterableIterator<Value> {
    return { next: () => this.items.next(), [Symbol.iterator]: () => this[Symbol.iterator]() };
  }
}

/** What attributes can be read from and is no data: a namespace, `loop`, a cycler. */
export abstract class Thing {
  abstract get(name: string): Value;
}

/** `namespace()`, whose attributes can be set. */
export class Namespace extends Thing {
  constructor(readonly values: Map<string, Value>) {
    super();
  }
  get(name: string): Value {
    return this.values.get(name);
  }
}

/** A text, marked as HTML or not. */
export const textOf = (value: Value): string | undefined =>
  typeof value === "string" ? value : value instanceof Markup ? value.text : undefined;

export function truth(value: Value): boolean {
  if (Array.isArray(value) || value instanceof Range || value instanceof View) return value.length > 0;
  if (value instanceof Map) return value.size > 0;
  if (value instanceof Float) return value.value !== 0;
  return value instanceof Markup ? value.text !== "" : Boolean(value);
}

/** Of what Python calls an int: bool and int. */
export function intOf(value: Value): Int | undefined {
  if (typeof value === "boolean") return Number(value);
  return typeof value === "number" || typeof value === "bigint" ? value : undefined;
}

/** Of the types Python calls numbers: bool, int and float. */
export const numberOf = (value: Value): Int | undefined =>
  value instanceof Float ? value.value : intOf(value);

/** Python's ==. */
export function equal(a: Value, b: Value): boolean {
  if (typeof a === "string" && typeof b === "string") {
    charge(COST.item + (a.length >> 4));
    return a === b;
  }
  if (a === b) return true;
  charge(COST.node);
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== undefined || y !== undefined)
    return x !== undefined && y !== undefined && compareNumbers(x, y) === 0;
  const text = textOf(a);
  if (text !== undefined) return text === textOf(b);
  if (Array.isArray(a) && Array.isArray(b))
    return (
      a instanceof Tuple === b instanceof Tuple &&
      a.length === b.length &&
      a.every((item, i) => equal(item, b[i]))
    );
  if (a instanceof Map && b instanceof Map)
    return a.size === b.size && [...a].every(([key, item]) => b.has(key) && equal(item, b.get(key)));
  if (a instanceof Range && b instanceof Range)
    return a.length === b.length && (a.length === 0 || (a.start === b.start && a.at(1) === b.at(1)));
  return false;
}

const compareNumbers = (x: Int, y: Int): number => (x < y ? -1 : x > y ? 1 : x >= y ? 0 : Number.NaN);

/** Below 0, 0 or above, as a is before, with or behind b; NaN where there is no order. */
export function compare(a: Value, b: Value): number {
  charge(COST.node);
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== undefined && y !== undefined) return compareNumbers(x, y);
  const [text, other] = [textOf(a), textOf(b)];
  if (text !== undefined && other !== undefined) return compareText(text, other);
  if (Array.isArray(a) && Array.isArray(b) && a instanceof Tuple === b instanceof Tuple) {
    const at = a.findIndex((item, i) => i >= b.length || !equal(item, b[i]));
    if (at < 0) return a.length - b.length;
    return at < b.length ? compare(a[at], b[at]) : 1;
  }
  throw new TemplateError(`${typeName(a)} and ${typeName(b)} can't be compared`);
}

/** By code point: UTF-16 puts what is above U+FFFF before U+E000. */
function compareText(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  let at = 0;
  while (at < shared && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  charge(at);
  return at < shared ? rank(a.charCodeAt(at)) - rank(b.charCodeAt(at)) : a.length - b.length;
}

const rank = (unit: number): number =>
  unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit;

/** Python's iter(). */
export function iterate(value: Value): Iterable<Value> {
  if (Array.isArray(value) || value instanceof Range || value instanceof View || value instanceof Stream)
    return value;
  if (value === undefined) return [];
  if (value instanceof Map) return value.keys();
  const text = textOf(value);
  if (text === undefined) throw new TemplateError(`${typeName(value)} can't be iterated over`);
  chargeList(text.length);
  return characters(text);
}

/** Python's list(): a new one. */
export function listOf(value: Value): Value[] {
  const items: Value[] = [];
  for (const item of iterate(value)) {
    charge(COST.item);
    if ((items.length & 0xffff) === 0xffff) chargeList(items.length);
    items.push(item);
  }
  return items;
}

/** Python's len(). */
export function lengthOf(value: Value): number {
  if (value instanceof Map) return value.size;
  if (Array.isArray(value) || value instanceof Range || value instanceof View) return value.length;
  if (value === undefined) return 0;
  const text = textOf(value);
  if (text !== undefined) return countCharacters(text);
  if (value instanceof Thing) {
    const length = value.get("length");
    if (typeof length === "number") return length;
  }
  throw new TemplateError(`${typeName(value)} has no length`);
}

export function typeName(value: Value): string {
  if (value === undefined) return "an undefined value";
  if (value === null) return "None";
  if (typeof value === "boolean") return "a bool";
  if (typeof value === "number" || typeof value === "bigint") return "an int";
  if (value instanceof Float) return "a float";
  if (typeof value === "string" || value instanceof Markup) return "a string";
  if (value instanceof Tuple) return "a tuple";
  if (Array.isArray(value)) return "a list";
  if (value instanceof Map) return "a dict";
  if (value instanceof Range) return "a range";
  if (value instanceof View) return `a dict's ${value.kind}()`;
  if (value instanceof Stream) return "a generator";
  if (value instanceof Namespace) return "a namespace";
  return value instanceof Thing ? "an object" : "a function";
}
