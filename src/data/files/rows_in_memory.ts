import type { DataRow } from "./data_row.ts";

/** Rows that come from a program instead of a file: objects as a data file's rows are. */
export type MemoryRows = Iterable<object> | AsyncIterable<object>;

/** Texts are iterable, too, but hold no rows. */
export const isMemoryRows = (value: unknown): value is MemoryRows =>
  typeof value === "object" && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value);

/** Numbered from 1, in their order. */
export async function* rowsInMemory(rows: MemoryRows): AsyncGenerator<DataRow> {
  let row = 0;
  for await (const value of rows) yield { row: ++row, value };
}
