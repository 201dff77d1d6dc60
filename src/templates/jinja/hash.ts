/** Python's dicts and sets tell keys apart by value: 1, 1.0 and True are one key. */

import { COST, charge, chargeText } from "./budget.ts";
import { TemplateError } from "./error.ts";
import { integer } from "./integers.ts";
import { Float, intOf, Range, Stream, Thing, Tuple, textOf, typeName, type Value, View } from "./value.ts";

const UNDEFINED = Symbol("undefined");
const TUPLE = "\0(";

/** What is the same (to a JavaScript Set) for values that are equal. @throws TemplateError for lists and dicts. */
export function hashKey(value: Value): unknown {
  const text = textOf(value);
  if (text !== undefined) return text.startsWith("\0") ? `\0${text}` : text;
  if (value instanceof Float)
    return Number.isInteger(value.value) ? integer(BigInt(value.value)) : value.value;
  const int = intOf(value);
  if (int !== undefined) return int === 0 ? 0 : int;
  if (value === undefined) return UNDEFINED;
  if (value === null || typeof value === "function") return value;
  if (value instanceof Thing || value instanceof Stream || value instanceof Range) return value;
  if (value instanceof View && value.kind === "values") return value;
  if (!(value instanceof Tuple)) throw new TemplateError(`${typeName(value)} can't be a key`);
  const parts = Array.from(value, (item) => {
    charge(COST.item);
    const key = hashKey(item);
    const written = typeof key === "object" || typeof key === "function" ? identity(key) : String(key);
    return `${typeof key} ${written.length} ${written}`;
  });
  const key = TUPLE + parts.join();
  chargeText(key.length);
  return key;
}

const identities = new WeakMap<object, string>();
let objects = 0;

function identity(object: object | null): string {
  if (object === null) return "";
  const known = identities.get(object) ?? String(++objects);
  identities.set(object, known);
  return known;
}

/** The key of the dict that equals `key`; undefined where there is none. */
function ownKey(map: Map<Value, Value>, key: Value): { key: Value } | undefined {
  if (typeof key === "string") charge(1 + (key.length >> 4));
  if (typeof key === "string" || map.has(key)) return map.has(key) ? { key } : undefined;
  const wanted = hashKey(key);
  charge(map.size * COST.item);
  for (const own of map.keys()) if (hashKey(own) === wanted) return { key: own };
  return undefined;
}

export const hasKey = (map: Map<Value, Value>, key: Value): boolean => ownKey(map, key) !== undefined;

export function getValue(map: Map<Value, Value>, key: Value): Value {
  const own = ownKey(map, key);
  return own && map.get(own.key);
}

/** The first of equal keys stays, with the last value. */
export function setValue(map: Map<Value, Value>, key: Value, value: Value): void {
  charge(COST.entry);
  map.set(typeof key === "string" ? key : (ownKey(map, key) ?? { key }).key, value);
}

/** Python's dict() of pairs. */
export function dictOf(entries: Iterable<readonly [Value, Value]>): Map<Value, Value> {
  const map = new Map<Value, Value>();
  for (const [key, value] of entries) setValue(map, key, value);
  return map;
}
