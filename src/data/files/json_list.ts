import { AttuneError } from "../../text/errors.ts";
import { parseJson } from "../../text/exact_json.ts";
import { excerptAt, findJsonError } from "../../text/json_error.ts";
import { byteCollector } from "./bytes.ts";
import { type DataRow, ROW_LIMIT } from "./data_row.ts";
import { countLineEnds, decodeAnyway, decodeUtf8, notUtf8 } from "./utf8.ts";

/**
 * The elements of a JSON list, one after the other: never more than one of them is in memory.
 * @throws AttuneError naming row, line and column of what is no JSON; the elements before it have come already.
 */
export async function* readJsonList(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
  limit = ROW_LIMIT,
): AsyncGenerator<DataRow> {
  const scan: Scan = { depth: 0, inString: false, escaped: false };
  const element = byteCollector(limit);
  let place: Place = { line: 1, column: 1 };
  let [row, isClosed] = [0, false];
  for await (const chunk of chunks) {
    let from = 0;
    for (const end of isClosed ? [] : delimiters(chunk, scan)) {
      element.add(chunk.subarray(from, end));
      if (element.isFull) throw tooLarge(element.take(), { file, row: row + 1, place, limit });
      const bytes = element.take();
      const delimiter = String.fromCharCode(chunk[end]!);
      isClosed = scan.depth === 0;
      from = end + 1;
      const text = decodeUtf8(bytes);
      const isEmptyList = delimiter === "]" && row === 0 && text?.trim() === "";
      if (delimiter !== "[" && !isEmptyList)
        yield parseElement(text, bytes, { file, row: ++row, place, delimiter });
      place = advance(place, (text ?? decodeAnyway(bytes)) + delimiter);
      if (isClosed) break;
    }
    element.add(chunk.subarray(from));
    if (element.isFull) throw tooLarge(element.take(), { file, row: row + 1, place, limit });
  }
  const rest = decodeAnyway(element.take());
  if (!isClosed) throw invalid(rest, { file, row: row + 1, place });
  if (rest.trim() !== "") throw invalid(rest, { file, row, place }, "after the list's end");
}

/** Where in a JSON text a scan has come; all of its structure is ASCII, so bytes will do. */
interface Scan {
  depth: number;
  inString: boolean;
  escaped: boolean;
}

/** 1-based, of the next character. */
interface Place {
  line: number;
  column: number;
}

const [QUOTE, BACKSLASH, COMMA, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [
  0x22, 0x5c, 0x2c, 0x5b, 0x5d, 0x7b, 0x7d,
];

/** Offsets in `chunk` of the outermost list's own brackets and commas. */
function* delimiters(chunk: Uint8Array, scan: Scan): Generator<number> {
  for (let i = 0; i < chunk.length; i++) {
    const byte = chunk[i]!;
    if (scan.inString) {
      if (scan.escaped) scan.escaped = false;
      else if (byte === BACKSLASH) scan.escaped = true;
      else if (byte === QUOTE) scan.inString = false;
    } else if (byte === QUOTE) scan.inString = true;
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      if (++scan.depth === 1) yield i;
    } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
      if (--scan.depth === 0) yield i;
    } else if (byte === COMMA && scan.depth === 1) yield i;
  }
}

interface Where {
  file: string;
  row: number;
  /** Of the element's first character. */
  place: Place;
}

function parseElement(
  text: string | undefined,
  bytes: Uint8Array,
  where: Where & { delimiter: string },
): DataRow {
  if (text === undefined) return { row: where.row, problem: notUtf8(bytes) };
  if (where.delimiter === "}") throw invalid(`${text}}`, where);
  try {
    return { row: where.row, value: parseJson(text) };
  } catch {
    throw invalid(text + where.delimiter, where);
  }
}

function invalid(text: string, { file, row, place }: Where, what = ""): AttuneError {
  const error = findJsonError(text);
  const { line, column } = advance(place, text.slice(0, error.index));
  const found = what === "" ? excerptAt(text, error) : `: there is text ${what}`;
  return new AttuneError({
    code: "data.invalid-json",
    place: `${file} row ${row}`,
    problem: `invalid JSON at line ${line}, column ${column}${found}`,
  });
}

/** A quotation mark that is missing makes the rest of a file one row: that is said instead, where it is so. */
function tooLarge(bytes: Uint8Array, where: Where & { limit: number }): AttuneError {
  const text = decodeAnyway(bytes);
  if (!findJsonError(text).isCut) return invalid(text, where);
  const { file, row, limit } = where;
  const { line } = advance(where.place, text.slice(0, text.search(/\S/)));
  return new AttuneError({
    code: "data.row-too-large",
    place: `${file} row ${row}, from line ${line}`,
    problem: `the row has more than ${limit} bytes`,
    wayOut: "Is a quotation mark or bracket missing?",
  });
}

function advance({ line, column }: Place, text: string): Place {
  const lines = countLineEnds(text);
  if (lines === 0) return { line, column: column + text.length };
  return { line: line + lines, column: text.length - text.lastIndexOf("\n") };
}
