import { AttuneError } from "../../text/errors.ts";
import { ROW_LIMIT } from "./data_row.ts";
import { countLineEnds } from "./utf8.ts";

/** A record's fields, and the line it ends on. */
export interface CsvRecord {
  fields: string[];
  line: number;
}

export interface CsvOptions {
  /** What messages call the file. */
  file: string;
  delimiter: "," | "\t";
  /** Whether a quotation mark within a field is a character like others, instead of an error. */
  lenient: boolean;
}

/**
 * Records of CSV as RFC 4180 has it: fields in quotation marks hold delimiters and line ends, a mark in them is doubled.
 * Lines end in \n or \r\n; empty ones are skipped. Of the file no more than a record and a piece of text is in memory.
 * @throws AttuneError that names the line, when quotation marks don't fit or a record is too large.
 */
export async function* readCsvRecords(
  texts: AsyncIterable<string>,
  options: CsvOptions,
): AsyncGenerator<CsvRecord> {
  const scanner = csvScanner(options);
  for await (const text of texts) yield* scanner.push(text);
  yield* scanner.end();
}

/** Where in a field a scan is. "return" is after a closing mark and \r, which has to be the line's end. */
type Place = "start" | "plain" | "quoted" | "closed" | "return";

function csvScanner({ file, delimiter, lenient }: CsvOptions) {
  const stretch = delimiter === "," ? /[^,"\n]*/y : /[^\t"\n]*/y;
  let place: Place = "start";
  let [fields, field]: [string[], string] = [[], ""];
  let [line, firstLine, openedAt] = [1, 1, 1];
  let size = 0; // of the record, in UTF-16 units
  let records: CsvRecord[] = [];

  const fault = (
    problem: string,
    wayOut = "Quote a field that holds quotation marks, and double those inside",
  ) => new AttuneError({ code: "data.invalid-csv", place: file, problem, wayOut });
  const endField = () => {
    fields.push(place === "plain" ? field.replace(/\r$/, "") : field);
    [field, place] = ["", "start"];
  };
  const endRecord = () => {
    const isQuoted = place === "closed" || place === "return";
    endField();
    if (isQuoted || fields.length > 1 || fields[0] !== "") records.push({ fields, line });
    [fields, size] = [[], 0];
  };
  /** Takes a delimiter or a line's end. */
  const endAt = (text: string, at: number): number => {
    if (text[at] === delimiter) endField();
    else {
      endRecord();
      firstLine = ++line;
    }
    return at + 1;
  };
  const readPlain = (text: string, at: number): number => {
    stretch.lastIndex = at;
    stretch.test(text);
    const end = stretch.lastIndex;
    field += text.slice(at, end);
    if (end > at) place = "plain";
    if (end === text.length) return end;
    if (text[end] !== '"') return endAt(text, end);
    if (place === "start") [place, openedAt] = ["quoted", line];
    else if (lenient) field += '"';
    else throw fault(`line ${line}: a quotation mark is within a field that doesn't begin with one`);
    return end + 1;
  };
  const readQuoted = (text: string, at: number): number => {
    const mark = text.indexOf('"', at);
    const content = text.slice(at, mark < 0 ? undefined : mark);
    field += content;
    line += countLineEnds(content);
    if (mark < 0) return text.length;
    place = "closed";
    return mark + 1;
  };
  const readClosed = (text: string, at: number): number => {
    const next = text[at]!;
    if (place === "closed" && next === '"') [field, place] = [`${field}"`, "quoted"];
    else if (place === "closed" && next === "\r") place = "return";
    else if (next === "\n" || (place === "closed" && next === delimiter)) return endAt(text, at);
    else if (!lenient) throw fault(`line ${line}: a field goes on after its closing quotation mark`);
    else {
      [field, place] = [`"${field}"${place === "return" ? "\r" : ""}`, "plain"];
      return at;
    }
    return at + 1;
  };
  const read = (text: string, at: number): number => {
    if (place === "quoted") return readQuoted(text, at);
    return place === "closed" || place === "return" ? readClosed(text, at) : readPlain(text, at);
  };
  const take = () => {
    const taken = records;
    records = [];
    return taken;
  };

  return {
    push(text: string): CsvRecord[] {
      for (let at = 0; at < text.length; ) {
        const from = at;
        at = read(text, at);
        size += at - from;
        if (size > ROW_LIMIT)
          throw fault(`the row of line ${firstLine} has more than ${ROW_LIMIT} characters`, TOO_LARGE);
      }
      return take();
    },
    end(): CsvRecord[] {
      if (place === "quoted") throw fault(`the quotation mark that line ${openedAt} opens is never closed`);
      if (place !== "start" || fields.length > 0) endRecord();
      return take();
    },
  };
}

const TOO_LARGE = "Is a quotation mark missing?";
