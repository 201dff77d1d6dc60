import { AttuneError } from "../../errors.ts";
import { describeOrigin, type Origin } from "../example.ts";

/** A data format: how its rows are told from others', and read. */
export interface RowFormat<T> {
  name: string;
  /** Rows that have these are taken for this format. */
  requiredKeys: string[];
  read(row: Row, origin: Origin): T;
}

export type Row = Record<string, unknown>;

/** @throws AttuneError unless `key` is there and is text. */
export function requiredText(row: Row, key: string, origin: Origin): string {
  const value = own(row, key);
  if (value === undefined || value === null)
    throw new AttuneError(
      `${describeOrigin(origin)}: "${key}" is missing; found the keys ${Object.keys(row).join(", ") || "(none)"}`,
    );
  return text(value, key, origin);
}

/** Empty when `key` is missing or null. @throws AttuneError when it is not text. */
export function optionalText(row: Row, key: string, origin: Origin): string {
  const value = own(row, key);
  return value === undefined || value === null ? "" : text(value, key, origin);
}

/** @throws AttuneError when a key has a value that would change what the row means, and can't be honoured. */
export function refuseKeys(row: Row, keys: string[], origin: Origin): void {
  const found = keys.find((key) => !isEmpty(own(row, key)));
  if (found !== undefined)
    throw new AttuneError(
      `${describeOrigin(origin)}: the key "${found}" changes what the row means, and isn't supported; leave it out if it doesn't matter`,
    );
}

export function own(row: Row, key: string): unknown {
  return Object.hasOwn(row, key) ? row[key] : undefined;
}

export function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** For messages: `number 5`, `list`. */
export function describeValue(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return value === null ? "null" : "an object";
  return `${typeof value} ${JSON.stringify(value)}`.slice(0, 60);
}

function text(value: unknown, key: string, origin: Origin): string {
  if (typeof value === "string") return value;
  throw new AttuneError(`${describeOrigin(origin)}: "${key}" should be text, got ${describeValue(value)}`);
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0)
  );
}
