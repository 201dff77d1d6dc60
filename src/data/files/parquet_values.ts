import type { parquetSchema } from "hyparquet";
import { remember, rememberKeys } from "../../text/exact_json.ts";

export type ParquetSchema = ReturnType<typeof parquetSchema>;

/**
 * A value as JSON has it, by its column's schema: null where a struct has none, whole numbers that are too large for a
 * number as text, times as text. What JavaScript can't tell (`3.0` from 3, an int64, the order of fields) is remembered.
 */
export function plainValue(value: unknown, schema: ParquetSchema | undefined): unknown {
  if (value === undefined) return null;
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (schema?.element.converted_type === "JSON") return value; // parsed, with what it lost
  if (ArrayBuffer.isView(value)) return plainList(Array.from(value as unknown as ArrayLike<unknown>), schema);
  return Array.isArray(value) ? plainList(value, elementOf(schema)) : plainObject(value, schema);
}

function plainList(items: unknown[], element: ParquetSchema | undefined): unknown[] {
  const list = items.map((item) => plainValue(item, element));
  for (const [i, item] of items.entries()) rememberNumber(list, i, item, element);
  return list;
}

function plainObject(value: object, schema: ParquetSchema | undefined): object {
  const fields = new Map(schema?.children.map((child) => [child.element.name, child]));
  const isMap = schema?.element.converted_type === "MAP";
  const fieldOf = (key: string) => (isMap ? schema?.children[0]?.children[1] : fields.get(key));
  const keys =
    isMap || fields.size === 0 ? Object.keys(value) : [...fields.keys()].filter((key) => key in value);
  const entries = keys.map((key) => [key, (value as Record<string, unknown>)[key]] as const);
  const object = Object.fromEntries(entries.map(([key, item]) => [key, plainValue(item, fieldOf(key))]));
  for (const [key, item] of entries) rememberNumber(object, key, item, fieldOf(key));
  const order = Object.keys(object);
  if (keys.some((key, i) => key !== order[i])) rememberKeys(object, keys);
  return object;
}

function rememberNumber(
  container: object,
  key: string | number,
  value: unknown,
  schema: ParquetSchema | undefined,
): void {
  if (typeof value === "bigint") {
    if (!Number.isSafeInteger(Number(value))) remember(container, key, value);
  } else if (Number.isInteger(value) && isFloat(schema)) remember(container, key, Object(value) as number);
}

function isFloat(schema: ParquetSchema | undefined): boolean {
  const { type, logical_type } = schema?.element ?? {};
  return type === "DOUBLE" || type === "FLOAT" || logical_type?.type === "FLOAT16";
}

/** Of a list's group, its items: the field in the repeated group, or the repeated field itself. */
function elementOf(schema: ParquetSchema | undefined): ParquetSchema | undefined {
  if (!schema || schema.element.repetition_type === "REPEATED") return schema;
  const [repeated] = schema.children;
  return repeated?.children.length === 1 ? repeated.children[0] : repeated;
}
