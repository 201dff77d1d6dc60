import type { Example, Origin, UnusableRow } from "../../data/example.ts";
import type { DataRow } from "../../data/files/data_row.ts";
import type { Table } from "../../data/files/table.ts";
import type { Format } from "../../data/formats/known_formats.ts";
import type { Columns } from "../../data/formats/map_columns.ts";
import { isRow, own, type Row } from "../../data/formats/row_fields.ts";
import { examplesOfRows } from "../../data/tasks/examples_of_rows.ts";
import { rowCluster } from "../../data/tasks/row_cluster.ts";
import type { Task } from "../../data/tasks/task_schema.ts";
import { AttuneError } from "../../text/errors.ts";
import { examHeader, examOf, examQuestion, subjectOf } from "./exam_rows.ts";
import { exampleQuestion } from "./example_question.ts";
import { ifevalQuestion, isIfeval } from "./ifeval_rows.ts";
import type { Question } from "./question.ts";
import { taskChoices } from "./task_choices.ts";

/** How a dataset's files are read: what a data entry of a recipe says of it. */
export interface QuestionSource {
  format?: Format;
  columns?: Columns;
  task?: Task;
  /** The name of the rows' task, or a pattern with their columns. */
  cluster?: string;
}

/**
 * What a file's rows ask, in their order; a row that can't be read says why. Exams (MMLU, CMMLU, C-Eval) and IFEval are known by
 * their columns; a row's "references" are the right answers in place of the one it trains.
 * @throws AttuneError when the format is unknown; whatever reading throws.
 */
export async function* questionsOf(
  table: Table,
  source: QuestionSource,
  seed: number,
): AsyncGenerator<Question | UnusableRow> {
  const { rows, read } = await openRows(table, source);
  const file = table.name;
  const named = namer(source, file);
  if (read) for await (const row of rows) yield named(readOwn(row, file, read), row);
  else yield* trainedRows(rows, file, source, seed, named);
}

/** The rows' right answers as examples, whose loss can be measured: what has none is left out. */
export async function* heldOutExamples(
  table: Table,
  source: QuestionSource,
  seed: number,
): AsyncGenerator<Example | UnusableRow> {
  const { rows, read } = await openRows(table, source);
  const file = table.name;
  if (!read) return yield* examplesOfRows(rows, file, source, seed);
  for await (const row of rows) {
    const question = readOwn(row, file, read);
    if (isUnusable(question)) yield question;
    else if (question.example) yield question.example;
  }
}

/** A file's rows, and what reads them where they are no training data. */
async function openRows(
  table: Table,
  source: QuestionSource,
): Promise<{ rows: AsyncIterable<DataRow>; read?: Read }> {
  const isPlain = !source.format && !source.columns && !source.task;
  const rows = table.rows(isPlain ? examHeader : undefined);
  const first = await rows.next();
  if (first.done) return { rows };
  const read = isPlain && "value" in first.value ? ownReader(first.value.value, table.name) : undefined;
  return { rows: again(first.value, rows), read };
}

type Read = (row: Row, origin: Origin) => Question;

/** The reader of rows that are no training data; undefined for all others. */
function ownReader(first: unknown, file: string): Read | undefined {
  const exam = examOf(first);
  if (exam) return (row, origin) => examQuestion(row, exam, origin, subjectOf(file));
  return isIfeval(first) ? ifevalQuestion : undefined;
}

function readOwn(row: DataRow, file: string, read: Read): Question | UnusableRow {
  const origin = { file, row: row.row };
  if ("problem" in row) return { kind: "unusable", reason: row.problem, origin };
  return orUnusable(origin, () => {
    if (!isRow(row.value)) throw new AttuneError({ code: "evaluation.not-an-object", expected: "an object" });
    return read(row.value, origin);
  });
}

type Named = (question: Question | UnusableRow, row: DataRow | undefined) => Question | UnusableRow;

function namer({ cluster }: QuestionSource, file: string): Named {
  const clusterOf = rowCluster(cluster);
  return (question, row) => {
    if (isUnusable(question)) return question;
    const name = row && "value" in row ? clusterOf(row.value) : undefined;
    return { ...question, task: name ?? (question.task || subjectOf(file)) };
  };
}

/** Rows as training reads them. */
async function* trainedRows(
  rows: AsyncIterable<DataRow>,
  file: string,
  source: QuestionSource,
  seed: number,
  named: Named,
): AsyncGenerator<Question | UnusableRow> {
  const { task } = source;
  const seen = new Map<number, DataRow>(); // rows that were read and not yet asked
  const examples = examplesOfRows(kept(rows, seen), file, source, seed);
  const choicesOf = task && taskChoices(task);
  for await (const example of examples) {
    for (const row of seen.keys()) if (row < example.origin.row) seen.delete(row);
    const row = seen.get(example.origin.row);
    const question = example.kind === "unusable" ? example : ask(example, row, choicesOf);
    if (question) yield named(question, row);
  }
}

function ask(
  example: Example,
  row: DataRow | undefined,
  choicesOf: ReturnType<typeof taskChoices> | undefined,
): Question | UnusableRow | undefined {
  return orUnusable(example.origin, () => {
    const question = exampleQuestion(example);
    if (!question) return undefined;
    const value = row && "value" in row && isRow(row.value) ? row.value : undefined;
    const choices = value && choicesOf?.(value, question.phrasing ?? 0);
    const references = value && ownReferences(value);
    return { ...question, task: "", ...(choices && { choices }), ...(references && { references }) };
  });
}

/** Right answers that a row lists beside the one it trains. */
function ownReferences(row: Row): string[] | undefined {
  const value = own(row, "references");
  if (value === undefined || value === null) return undefined;
  const list = Array.isArray(value) ? value : [value];
  if (list.length > 0 && list.every((one) => typeof one === "string" && one.trim() !== ""))
    return list as string[];
  throw new AttuneError({
    code: "evaluation.references",
    place: '"references"',
    expected: "right answers, none of them empty",
  });
}

function orUnusable<T>(origin: Origin, work: () => T): T | UnusableRow {
  try {
    return work();
  } catch (error) {
    if (error instanceof AttuneError) return { kind: "unusable", reason: error.message, origin };
    throw error;
  }
}

export const isUnusable = (question: Question | UnusableRow): question is UnusableRow =>
  "kind" in question && question.kind === "unusable";

async function* again(first: DataRow, rows: AsyncGenerator<DataRow>): AsyncGenerator<DataRow> {
  try {
    yield first;
    yield* rows;
  } finally {
    await rows.return(undefined);
  }
}

async function* kept(rows: AsyncIterable<DataRow>, seen: Map<number, DataRow>): AsyncGenerator<DataRow> {
  for await (const row of rows) {
    seen.set(row.row, row);
    yield row;
  }
}
