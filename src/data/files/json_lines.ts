import { AttuneError } from "../../text/errors.ts";
import { parseJson } from "../../text/exact_json.ts";
import { excerptAt, findJsonError } from "../../text/json_error.ts";
import type { DataRow } from "./data_row.ts";
import { readLines } from "./lines.ts";

/**
 * Rows of JSONL: a JSON value a line; a row's number is its line, empty lines are skipped. A line that is no JSON is
 * a row with a problem.
 * @throws AttuneError when it is one object over several lines.
 */
export async function* readJsonLines(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
  limit?: number,
): AsyncGenerator<DataRow> {
  let beginning: DataRow | undefined; // the first row, when it looks like the beginning of a longer text
  let isFirst = true;
  for await (const line of readLines(chunks, limit)) {
    if ("text" in line && line.text.trim() === "") continue;
    const row = "text" in line ? parseLine(line.text, line.line) : { row: line.line, problem: line.problem };
    if (isFirst && "text" in line && endsTooEarly(line.text, row)) beginning = row;
    else if (beginning) {
      if (!("value" in row)) throw objectOverLines(file);
      yield beginning;
      beginning = undefined;
    }
    isFirst = false;
    if (row !== beginning) yield row;
  }
  if (beginning) yield beginning;
}

function parseLine(text: string, row: number): DataRow {
  try {
    return { row, value: parseJson(text) };
  } catch {
    const error = findJsonError(text);
    return { row, problem: `invalid JSON at column ${error.column}${excerptAt(text, error)}` };
  }
}

const endsTooEarly = (text: string, row: DataRow): boolean =>
  "problem" in row && findJsonError(text).index === text.length;

const objectOverLines = (file: string) =>
  new AttuneError({
    code: "data.wrong-layout",
    place: file,
    expected: "a list of rows, or one JSON object a line",
    got: "a single object over several lines",
  });
