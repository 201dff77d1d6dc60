import { describeValue } from "../../text/describe_value.ts";
import { AttuneError } from "../../text/errors.ts";
import { parseJson } from "../../text/exact_json.ts";
import type { Example, Origin } from "../example.ts";

/** A data format: how its rows are recognised and read. */
export interface RowFormat<T extends Example | Example[] = Example | Example[]> {
  /** The keys a row of this format has, and what their values look like; one of several forms. */
  forms: readonly Form[];
  /** A row that could be of several formats is of the one with the highest rank, 0 by default. Equal ranks are ambiguous. */
  rank?: number;
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
  if (value === undefined) throw missing(row, key);
  return asText(value, key);
}

/** Empty when `key` is missing or null. @throws AttuneError when it is not text. */
export function optionalText(row: Row, key: string): string {
  const value = own(row, key);
  return value === undefined || value === null ? "" : asText(value, key);
}

/** A list, or JSON text of one; empty when `key` is missing. CSV and Parquet files have lists as text. */
export function optionalList(row: Row, key: string): unknown[] {
  const value = own(row, key);
  if (isEmpty(value)) return [];
  const list = isText(value) ? parseText(value, key) : value;
  if (!Array.isArray(list)) throw wrongValue(key, "a list", list);
  return list;
}

/** The fault of a value of another kind than its key takes. */
export const wrongValue = (place: string, expected: string, value: unknown, got = describeValue(value)) =>
  new AttuneError({ code: "data.wrong-value", place, expected, got });

export const missing = (row: Row, key: string): AttuneError =>
  new AttuneError({
    code: "data.missing-key",
    problem: `"${key}" is missing; found the keys ${listKeys(row)}`,
  });

/** @throws AttuneError naming `what` when `text` is no JSON. */
export function parseText(text: string, what: string): unknown {
  try {
    return parseJson(text);
  } catch {
    throw wrongValue(what, "JSON", text);
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

const SHOWN = 15;

export function listKeys(row: Row): string {
  const keys = Object.keys(row);
  const shown = keys.slice(0, SHOWN).map((key) => (key.length > 40 ? `${key.slice(0, 40)}…` : key));
  const more = keys.length > SHOWN ? `, and ${keys.length - SHOWN} more` : "";
  return keys.length === 0 ? "(none)" : shown.join(", ") + more;
}

/** @throws AttuneError unless it is text. */
export function asText(value: unknown, key: string): string {
  if (isText(value)) return value;
  throw wrongValue(key, "text", value);
}
