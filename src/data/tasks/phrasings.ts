import { AttuneError, withPlace } from "../../text/errors.ts";
import type { DataRow } from "../files/data_row.ts";
import { valueAt } from "../formats/map_columns.ts";
import { isRow, listKeys, type Row } from "../formats/row_fields.ts";
import { fillPattern, type Pattern, parsePlaceholders, pathsOf } from "./pattern.ts";
import { rowValues } from "./row_values.ts";
import type { Task } from "./task_schema.ts";

/** A question and its answer. */
export interface Turn {
  input: string;
  output: string;
}

/** A way to say a row. @throws AttuneError when the row lacks what it takes. */
export type Phrasing = (row: Row) => Turn;

/** A task's phrasings, templates before inversions. */
export function openPhrasings(task: Task): Phrasing[] {
  const valuesOf = rowValues(task);
  return patternsOf(task).map(({ input, output }) => (row) => {
    const textOf = valuesOf(row);
    const written = (side: NamedPattern) => {
      const text = within(side.name, () => fillPattern(side.pattern, textOf));
      if (text.trim() === "")
        throw new AttuneError({ code: "data.empty-text", place: side.name, problem: "the text is empty" });
      return text;
    };
    return { input: written(input), output: written(output) };
  });
}

/**
 * A placeholder that stands for nothing is more likely a slip than a rare column.
 * @throws AttuneError when none of the rows that a task begins with has a column that it names.
 */
export function checkColumns(task: Task, first: readonly DataRow[], file: string): void {
  const rows = first.flatMap((row) => ("value" in row && isRow(row.value) ? [row.value] : []));
  if (rows.length === 0) return;
  for (const { name, path } of columnsOf(task))
    if (!rows.some((row) => valueAt(row, path) !== undefined))
      throw new AttuneError({
        code: "data.missing-column",
        place: `${file}: ${name}`,
        problem: `${rows.length === 1 ? "the only row lacks" : `none of the first ${rows.length} rows has`} the column ${JSON.stringify(path)}; there are ${listKeys(rows[0]!)}`,
      });
}

interface NamedPattern {
  /** Its key in the recipe. */
  name: string;
  pattern: Pattern;
}

function patternsOf({ templates, inversions }: Task): { input: NamedPattern; output: NamedPattern }[] {
  return Object.entries({ templates, inversions }).flatMap(([list, phrasings]) =>
    phrasings.map(({ input, output }, i) => ({
      input: { name: `task.${list}.${i}.input`, pattern: parsePlaceholders(input) },
      output: { name: `task.${list}.${i}.output`, pattern: parsePlaceholders(output) },
    })),
  );
}

/** The columns a task names, and where. */
function columnsOf(task: Task): { name: string; path: string }[] {
  const { choices, label } = task;
  const placeholders = patternsOf(task)
    .flatMap(({ input, output }) => [input, output])
    .flatMap(({ name, pattern }) => pathsOf(pattern).map((path) => ({ name, path })));
  if (choices === undefined) return placeholders;
  const isColumn = ({ path }: { path: string }) => path !== "choices" && !path.startsWith("choices.");
  const listed =
    typeof choices === "string" ? [choices] : choices.flatMap((one) => pathsOf(parsePlaceholders(one)));
  return [
    ...placeholders.filter(isColumn),
    ...listed.map((path) => ({ name: "task.choices", path })),
    { name: "task.label", path: label },
  ];
}

function within<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof AttuneError) throw withPlace(error, name);
    throw error;
  }
}
