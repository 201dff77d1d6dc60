import { AttuneError } from "../../text/errors.ts";
import { parseJson } from "../../text/exact_json.ts";
import type { Example, Origin } from "../example.ts";

/** A data format: how its rows are told from others', and read. */
export interface RowFormat<T extends Example | Example[] = Example | Example[]> {
  /** The keys a row of this format has, and what their values look like; one of several ways. */
  forms: readonly Form[];
  /** @throws AttuneError with the reason why it can't be read; where it came from is the caller's to say. */
  read(row: Row, origin: Origin): T;
}

export type Form = Readonly<Record<string, (value: unknown) => boolean>>;

export type Row = Record<string, unknown>;

export const isText = (value: unknown): value is string => typeof value === "string";

export function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @throws AttuneError unless `key` is there and is text. */
export function requiredText(row: Row, key: string): string {
  const value = own(row, key);
  if (value === undefined || value === null)
    throw new AttuneError(`"${key}" is missing; found the keys ${listKeys(row)}`);
  return checkText(value, key);
}

/** Empty when `key` is missing or null. @throws AttuneError when it is not text. */
export function optionalText(row: Row, key: string): string {
  const value = own(row, key);
  return value === undefined || value === null ? "" : checkText(value, key);
}

/** A list, or JSON text of one; empty when `key` is missing. CSV and Parquet files have lists as text. */
export function optionalList(row: Row, key: string): unknown[] {
  const value = own(row, key);
  if (isEmpty(value)) return [];
  const list = isText(value) ? parseText(value, key) : value;
  if (!Array.isArray(list)) throw new AttuneError(`"${key}" should be a list, got ${describeValue(list)}`);
  return list;
}

/** @throws AttuneError when a key has a value that would change what the row means, and can't be honoured. */
export function refuseKeys(row: Row, keys: readonly string[]): void {
  const found = keys.find((key) => !isEmpty(own(row, key)));
  if (found !== undefined)
    throw new AttuneError(
      `the key "${found}" changes what the row means, and isn't supported; leave it out if it doesn't matter`,
    );
}

/** @throws AttuneError naming `what` when `text` is no JSON. */
export function parseText(text: string, what: string): unknown {
  try {
    return parseJson(text);
  } catch {
    throw new AttuneError(`"${what}" should be JSON, got ${describeValue(text)}`);
  }
}

export function own(row: Row, key: string): unknown {
  return Object.hasOwn(row, key) ? row[key] : undefined;
}

export function isEmpty(value: unknown): boolean {
  return (
    value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0)
  );
}

export function listKeys(row: Row): string {
  const keys = Object.keys(row).map((key) => (key.length > 40 ? `${key.slice(0, 40)}…` : key));
  const more = keys.length > 30 ? `, and ${keys.length - 30} more` : "";
  return keys.length === 0 ? "(none)" : keys.slice(0, 30).join(", ") + more;
}

/** For messages: `number 5`, `a list`. */
export function describeValue(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object") return value === null ? "null" : "an object";
  if (isText(value)) return `string ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)}`;
  return value === undefined ? "nothing" : `${typeof value} ${String(value)}`;
}

function checkText(value: unknown, key: string): string {
  if (isText(value)) return value;
  throw new AttuneError(`"${key}" should be text, got ${describeValue(value)}`);
}
