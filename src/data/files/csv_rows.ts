import { AttuneError } from "../../text/errors.ts";
import { type CsvRecord, readCsvRecords } from "./csv_records.ts";
import type { DataRow } from "./data_row.ts";
import { decodeStream } from "./utf8.ts";

/** The columns of a file whose first line is a row already; undefined where the first line names them, as it should. */
export type ReadColumns = (first: readonly string[]) => string[] | undefined;

/**
 * Rows of CSV (RFC 4180) or of tab-separated values, whose first line names the columns; all values are text. A row
 * with more or fewer fields than there are columns has a problem.
 * @throws AttuneError when a column has no name of its own, or quotation marks don't fit.
 */
export async function* readCsvRows(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
  kind: "csv" | "tsv",
  header: ReadColumns = () => undefined,
): AsyncGenerator<DataRow> {
  const isTabs = kind === "tsv"; // there, a quotation mark within a field is a character like others
  const options = { file, delimiter: isTabs ? "\t" : ",", lenient: isTabs } as const;
  let columns: string[] | undefined;
  let row = 0;
  for await (const record of readCsvRecords(decodeStream(chunks, file), options)) {
    const isFirst = columns === undefined;
    const known = isFirst ? header(record.fields) : undefined;
    columns ??= known ?? checkColumns(record.fields, file);
    if (!isFirst || known) yield toRow(record, columns, ++row);
  }
}

function checkColumns(names: string[], file: string): string[] {
  const seen = new Set<string>();
  const twice = names.find((name) => seen.size === seen.add(name).size);
  if (twice === undefined) return names;
  throw new AttuneError({
    code: "data.wrong-columns",
    place: file,
    expected: "the names of the columns in the first line",
    got: twice === "" ? "several without a name" : `${JSON.stringify(twice.slice(0, 40))} twice`,
  });
}

function toRow({ fields, line }: CsvRecord, columns: string[], row: number): DataRow {
  if (fields.length !== columns.length)
    return {
      row,
      problem: `line ${line} has ${fields.length} fields, and there are ${columns.length} columns`,
    };
  return { row, value: Object.fromEntries(fields.map((field, i) => [columns[i]!, field])) };
}
