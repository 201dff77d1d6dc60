import { Readable } from "node:stream";
import { CsvError, type Info, parse } from "csv-parse";
import { AttuneError } from "../../text/errors.ts";
import { type DataRow, ROW_LIMIT } from "./data_row.ts";
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
  const source = Readable.from(decodeStream(chunks, file));
  const parser = parse({
    delimiter: kind === "csv" ? "," : "\t",
    record_delimiter: ["\r\n", "\n"],
    relax_column_count: true,
    relax_quotes: kind === "tsv", // there, a mark within a field is a character like others
    skip_empty_lines: true,
    max_record_size: ROW_LIMIT,
    info: true,
  });
  source.on("error", (error) => parser.destroy(error));
  let columns: string[] | undefined;
  let row = 0;
  try {
    for await (const { record, info } of source.pipe(parser) as AsyncIterable<CsvRecord>) {
      const isFirst = columns === undefined;
      const known = isFirst ? header(record) : undefined;
      columns ??= known ?? checkColumns(record, file);
      if (!isFirst || known) yield toRow(record, columns, { row: ++row, line: info.lines });
    }
  } catch (error) {
    throw error instanceof CsvError ? explain(error, file) : error;
  } finally {
    source.destroy();
    parser.destroy();
  }
}

interface CsvRecord {
  record: string[];
  info: Info;
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

function toRow(fields: string[], columns: string[], { row, line }: { row: number; line: number }): DataRow {
  if (fields.length !== columns.length)
    return {
      row,
      problem: `line ${line} has ${fields.length} fields, and there are ${columns.length} columns`,
    };
  return { row, value: Object.fromEntries(fields.map((field, i) => [columns[i]!, field])) };
}

/** Its messages name the line; rows that were read with it are lost, so theirs aren't known here. */
function explain({ code, message }: CsvError, file: string): AttuneError {
  return new AttuneError({
    code: "data.invalid-csv",
    place: file,
    problem: message,
    wayOut:
      code === "CSV_MAX_RECORD_SIZE"
        ? "Is a quotation mark missing?"
        : "Quote a field that holds quotation marks, and double those inside",
  });
}
