import * as z from "zod";
import { datasetShare } from "../data/batches/mixture_schema.ts";
import { isMemoryRows, type MemoryRows } from "../data/files/rows_in_memory.ts";
import { formatNames } from "../data/formats/known_formats.ts";
import { parsePlaceholders } from "../data/tasks/pattern.ts";
import { task } from "../data/tasks/task_schema.ts";
import { describeValue } from "../text/describe_value.ts";
import { AttuneError } from "../text/errors.ts";

const text = z.string().min(1);

export const memoryRows = z.custom<MemoryRows>(isMemoryRows, {
  error: ({ input }) =>
    `expected a list of rows or, in code, any iterable of them; got ${describeValue(input)}`,
});

const clusterPattern = text.max(1000).superRefine((value, context) => {
  try {
    parsePlaceholders(value);
  } catch (error) {
    if (!(error instanceof AttuneError)) throw error;
    context.addIssue({ code: "custom", message: error.message });
  }
});

/** Where rows come from, and how they are read. */
export const datasetSource = {
  path: text
    .optional()
    .describe(
      "A file (JSON, JSONL, CSV, Parquet or text, also as .gz or .zst), a directory of files, - for standard input, or a dataset of the hub: org/name.",
    ),
  rows: memoryRows
    .optional()
    .describe(
      "Instead of path, the rows themselves: a list or, in code, any iterable or async iterable. They are read once a run, and not kept in recipe.json.",
    ),
  config: text.optional().describe("Of a hub's dataset that has several; its default one when left out."),
  split: text.optional().describe("Of a hub's dataset; train when left out."),
  format: z.enum(formatNames).optional().describe("Guessed from the rows when left out."),
  columns: z
    .record(text, text)
    .optional()
    .describe("What the format calls a key, and what the rows call it: { instruction: question }."),
  task: task.optional(),
  cluster: clusterPattern
    .optional()
    .describe(
      "The rows' kind of task: a name, or {{column}}; left out, what a row's own column task says. Scores are reported for each, and evaluation.clusters holds whole ones out.",
    ),
};

const source = z.object(datasetSource);
type Source = z.output<typeof source>;

/** What of a source doesn't fit together. */
export function checkSource(
  { path, rows, config, split, task, format, columns }: Source,
  context: z.core.$RefinementCtx,
): void {
  const issue = (key: string, message: string) => context.addIssue({ code: "custom", message, path: [key] });
  if (path !== undefined && rows !== undefined) issue("path", ONE_OF_TWO);
  if (rows && (config || split)) issue("rows", "rows aren't the hub's: leave config and split out");
  if (task && (format || columns))
    issue(
      "task",
      "a task writes the examples itself, from the rows' own columns: leave format and columns out",
    );
}

const ONE_OF_TWO = "expected path, or rows instead of it: one of the two";

/** The same where there must be rows. */
export function checkFullSource(settings: Source, context: z.core.$RefinementCtx): void {
  if (settings.path === undefined && settings.rows === undefined)
    context.addIssue({ code: "custom", message: ONE_OF_TWO, path: ["path"] });
  checkSource(settings, context);
}

export const dataset = z.strictObject({ ...datasetSource, ...datasetShare }).superRefine(checkFullSource);
