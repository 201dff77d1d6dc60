import { AttuneError } from "../../text/errors.ts";
import { isRow, listKeys, own, type Row } from "./row_fields.ts";

/** Our key ← their column; a column may be a path into nested values, as in `answers.text.0`. */
export type Columns = Readonly<Record<string, string>>;

/** Gives rows the names our formats know. */
export interface ColumnMapping {
  /** The row under our names: a column that was mapped is no longer there under its own. */
  apply(row: Row): Row;
  /** @throws AttuneError when a column was in none of the rows so far. */
  checkFound(file: string): void;
}

export function mapColumns(columns: Columns): ColumnMapping {
  const mapped = new Set(Object.values(columns));
  const missing = new Set(mapped);
  let seen: Row = {};
  return {
    apply(row) {
      seen = row;
      if (mapped.size === 0) return row;
      const values = Object.entries(columns).map(([key, column]) => [key, valueAt(row, column)] as const);
      for (const [i, column] of Object.values(columns).entries())
        if (values[i]![1] !== undefined) missing.delete(column);
      const kept = Object.entries(row).filter(([key]) => !mapped.has(key));
      return Object.fromEntries([...kept, ...values.filter(([, value]) => value !== undefined)]);
    },
    checkFound(file) {
      if (missing.size === 0) return;
      const names = [...missing].map((name) => JSON.stringify(name)).join(", ");
      throw new AttuneError({
        code: "data.missing-column",
        place: `${file}: columns`,
        problem: `no row has ${names}; there are ${listKeys(seen)}`,
      });
    },
  };
}

/** A column of that very name, or what the path of names leads to. */
export function valueAt(row: Row, column: string): unknown {
  const whole = own(row, column);
  if (whole !== undefined) return whole;
  let value: unknown = row;
  for (const name of column.split(".")) {
    if (!isRow(value) && !Array.isArray(value)) return undefined;
    value = own(value as Row, name);
  }
  return value;
}
