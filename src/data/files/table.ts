import type { ReadColumns } from "./csv_rows.ts";
import type { DataRow } from "./data_row.ts";

/** Rows that are read together: a file's, or those of a program. */
export interface Table {
  /** What messages call it: the file. */
  name: string;
  /** The rows from the first on; a CSV file asks `header` for its columns. */
  rows(header?: ReadColumns): AsyncGenerator<DataRow>;
}
