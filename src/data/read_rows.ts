import { AttuneError } from "../errors.ts";
import { findJsonError } from "./json_error.ts";

export interface DataFile {
  /** For messages, and the kind of file is told by its ending. */
  name: string;
  text: string;
}

export interface DataRow {
  value: unknown;
  /** 1-based; the line in a JSONL file. */
  row: number;
}

/** Whether a file holds rows (a JSON list, or JSONL) or is plain text. */
export function holdsRows({ name, text }: DataFile): boolean {
  if (/\.(json|jsonl|ndjson)$/i.test(name)) return true;
  return !/\.(txt|text|md)$/i.test(name) && /^\s*[[{]/.test(text);
}

/**
 * Rows of a JSON list or of JSONL (one JSON value a line; empty lines are skipped).
 * @throws AttuneError naming file and row, or line and column, of what is no JSON.
 */
export function readRows(file: DataFile): DataRow[] {
  const rows = /^\s*\[/.test(file.text) ? readList(file) : readLines(file);
  if (rows.length === 0) throw new AttuneError(`${file.name}: the dataset is empty`);
  return rows;
}

function readList({ name, text }: DataFile): DataRow[] {
  const list = parseJson(text, () => {
    const { line, column, row } = findJsonError(text);
    return `${name} row ${row}: invalid JSON at line ${line}, column ${column}${excerpt(text)}`;
  });
  return (list as unknown[]).map((value, i) => ({ value, row: i + 1 }));
}

function readLines({ name, text }: DataFile): DataRow[] {
  const rows: DataRow[] = [];
  text.split("\n").forEach((line, i) => {
    if (line.trim() === "") return;
    const value = parseJson(line, () => {
      if (isSingleObject(text))
        return `${name}: expected a list of rows, or one JSON object a line; got a single object over several lines`;
      return `${name} row ${i + 1}: invalid JSON at column ${findJsonError(line).column}${excerpt(line)}`;
    });
    rows.push({ value, row: i + 1 });
  });
  return rows;
}

function parseJson(text: string, explain: () => string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new AttuneError(explain());
  }
}

function isSingleObject(text: string): boolean {
  try {
    return typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
}

/** What stands where the JSON goes wrong. */
function excerpt(text: string): string {
  const { index } = findJsonError(text);
  const rest = text.slice(index, index + 20);
  return rest === "" ? ": the text ends too early" : `, before ${JSON.stringify(rest)}`;
}
