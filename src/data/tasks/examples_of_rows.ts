import type { Example, UnusableRow } from "../example.ts";
import type { DataRow } from "../files/data_row.ts";
import { examplesOf, type ReadOptions } from "../formats/read_examples.ts";
import { taskExamplesOf } from "./task_examples.ts";
import type { Task } from "./task_schema.ts";

export interface RowSettings extends ReadOptions {
  /** Writes the examples itself, from the rows' columns. */
  task?: Task;
}

/**
 * What rows say, as a recipe's data entry has them read; `name` is what messages call their file.
 * @throws AttuneError when format, columns or task don't fit them; whatever `rows` throws.
 */
export const examplesOfRows = (
  rows: AsyncIterable<DataRow>,
  name: string,
  { format, columns, task }: RowSettings,
  seed: number,
): AsyncGenerator<Example | UnusableRow> =>
  task ? taskExamplesOf(rows, name, task, seed) : examplesOf(rows, name, { format, columns });
