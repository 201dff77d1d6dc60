import { describeValue } from "../../text/describe_value.ts";
import { AttuneError } from "../../text/errors.ts";
import type { Example, UnusableRow } from "../example.ts";
import type { DataRow } from "../files/data_row.ts";
import { type Format, formatByName } from "./known_formats.ts";
import { type ColumnMapping, type Columns, mapColumns } from "./map_columns.ts";
import { recogniseFormat } from "./recognise_format.ts";
import { isRow, type RowFormat } from "./row_fields.ts";

export interface ReadOptions {
  /** Recognised from the first rows by default. */
  format?: Format;
  /** Names of the rows' columns where they aren't the format's. */
  columns?: Columns;
}

const SAMPLE = 20; // rows by which the format is recognised

/**
 * What a file's rows say, in their order; none if there are no rows. A row that can't be read is reported and skipped.
 * @throws AttuneError when the format is unknown or no row has a column that is named; whatever `rows` throws.
 */
export async function* examplesOf(
  rows: AsyncIterable<DataRow>,
  file: string,
  { format, columns = {} }: ReadOptions = {},
): AsyncGenerator<Example | UnusableRow> {
  const mapping = mapColumns(columns);
  const mapped = mapRows(rows, mapping);
  try {
    const sample = await takeSome(mapped, format === undefined ? SAMPLE : 1);
    if (sample.length === 0) return;
    const reader = formatByName(format ?? recognise(sample, file, mapping));
    for (const row of sample) yield* readRow(row, file, reader);
    for await (const row of mapped) yield* readRow(row, file, reader);
    mapping.checkFound(file);
  } finally {
    await mapped.return(undefined); // closes the file when the reader has had enough
  }
}

async function* mapRows(rows: AsyncIterable<DataRow>, { apply }: ColumnMapping): AsyncGenerator<DataRow> {
  for await (const row of rows) {
    if ("problem" in row) yield row;
    else if (isRow(row.value)) yield { ...row, value: apply(row.value) };
    else yield { row: row.row, problem: `expected an object, got ${describeValue(row.value)}` };
  }
}

async function takeSome<T>(rows: AsyncGenerator<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  while (taken.length < count) {
    const next = await rows.next();
    if (next.done) break;
    taken.push(next.value);
  }
  return taken;
}

/** A column's name that is wrong is said before a format that is unknown for it. */
function recognise(sample: DataRow[], file: string, mapping: ColumnMapping): Format {
  try {
    return recogniseFormat(sample, file);
  } catch (error) {
    mapping.checkFound(file);
    throw error;
  }
}

function readRow(row: DataRow, file: string, format: RowFormat): (Example | UnusableRow)[] {
  const origin = { file, row: row.row };
  if ("problem" in row) return [{ kind: "unusable", reason: row.problem, origin }];
  try {
    const examples = [format.read(row.value as Record<string, unknown>, origin)].flat();
    return row.more ? examples.map((example) => asPiece(example)) : examples;
  } catch (error) {
    if (!(error instanceof AttuneError)) throw error;
    return row.more ? [] : [{ kind: "unusable", reason: error.message, origin }]; // said of the last piece
  }
}

/** Only texts come in pieces: a text file has a text, and nothing else. */
function asPiece(example: Example): Example {
  return example.kind === "text" ? { ...example, more: true } : example;
}
