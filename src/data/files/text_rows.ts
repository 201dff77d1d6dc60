import { AttuneError } from "../../text/errors.ts";
import { peekBytes } from "./bytes.ts";
import { checkText, TEXT_HEAD } from "./check_text.ts";
import { type ReadColumns, readCsvRows } from "./csv_rows.ts";
import { checkEnding, type DataKind, dataKindOf } from "./data_kinds.ts";
import type { DataRow } from "./data_row.ts";
import { firstCharacter, readJsonRows } from "./json_rows.ts";
import { readTextDocument, wholeDocuments } from "./text_document.ts";
import { skipByteOrderMark } from "./utf8.ts";

const GUESSED_FROM = 256 * 1024; // bytes

/** Rows of what is text: all kinds but Parquet; of an unknown kind, what it begins like. @throws AttuneError */
export async function* readTextRows(
  stream: AsyncIterable<Uint8Array>,
  file: string,
  kind: Exclude<DataKind, "parquet"> | undefined,
  header?: ReadColumns,
): AsyncGenerator<DataRow> {
  const { head, chunks } = await peekBytes(stream, ({ length }) => length >= TEXT_HEAD);
  checkText(head.subarray(0, TEXT_HEAD), file, kind);
  const text = await skipByteOrderMark(chunks, file);
  if (kind === "json") yield* readJsonRows(text, file);
  else if (kind === "csv" || kind === "tsv") yield* readCsvRows(text, file, kind, header);
  else if (kind === "text") yield* readTextDocument(text, file);
  else yield* guessedRowsOf(text, file);
}

/** What begins like JSON is rows, all else a document. */
async function* guessedRowsOf(stream: AsyncIterable<Uint8Array>, file: string): AsyncGenerator<DataRow> {
  const { head, chunks } = await peekBytes(
    stream,
    (bytes) => bytes.length > GUESSED_FROM || firstCharacter(bytes) !== undefined,
  );
  const isJson = ["[", "{"].includes(firstCharacter(head) ?? "");
  yield* isJson ? readJsonRows(chunks, file) : readTextDocument(chunks, file);
}

/**
 * The rows of a data file that is given as a Blob, such as a page's File: a JSON list, JSONL, CSV, TSV or plain text, as the
 * ending of its name says. A row that is broken has a problem instead of a value.
 * @throws AttuneError when it is of another kind, or damaged.
 */
export async function* readRows(file: Blob, name: string): AsyncGenerator<DataRow> {
  checkEnding(name);
  const kind = dataKindOf(name);
  if (kind === "parquet" || /\.(gz|zst)$/i.test(name)) throw notInMemory(name);
  yield* wholeDocuments(readTextRows(piecesOf(file), name, kind));
}

const PIECE = 256 * 1024; // bytes

async function* piecesOf(file: Blob): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < file.size; at += PIECE)
    yield new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer());
}

const notInMemory = (name: string) =>
  new AttuneError({
    code: "data.needs-disk",
    place: name,
    problem: "Parquet and compressed files are read where there is a disk, not here",
    expected: "JSON, JSONL, CSV, TSV or text",
    wayOut: "Unpack it, or save its rows as JSONL or CSV",
  });
