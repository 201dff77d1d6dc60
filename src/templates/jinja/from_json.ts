import type { Json } from "../../text/exact_json.ts";
import { TemplateError } from "./error.ts";
import { integer, wholeNumber } from "./integers.ts";
import { Float, type Value } from "./value.ts";

/** JSON into values, as Python reads it: only own keys are read, and what JSON can't hold is left out of dicts. */
export function fromJson(value: Json | undefined): Value {
  if (typeof value === "number") return Number.isInteger(value) ? wholeNumber(value) : new Float(value);
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "bigint") return integer(value);
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return value.map(fromJson);
  if (value instanceof Number) return new Float(Number(value));
  if (typeof value !== "object")
    throw new TemplateError(`a variable holds a ${typeof value}, which is no JSON`);
  const entries = value instanceof Map ? value : Object.entries(value);
  const map = new Map<Value, Value>();
  for (const [key, item] of entries) if (item !== undefined) map.set(key, fromJson(item));
  return map;
}

/** About how many characters a value's text would have. */
export function sizeOf(value: Value): number {
  if (typeof value === "string") return value.length;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + sizeOf(item), 8);
  if (!(value instanceof Map)) return 8;
  let sum = 8;
  for (const [key, item] of value) sum += sizeOf(key) + sizeOf(item);
  return sum;
}
