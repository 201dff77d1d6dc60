import { peekBytes } from "./bytes.ts";
import { checkText, TEXT_HEAD } from "./check_text.ts";
import { type ReadColumns, readCsvRows } from "./csv_rows.ts";
import type { DataKind } from "./data_kinds.ts";
import type { DataRow } from "./data_row.ts";
import { firstCharacter, readJsonRows } from "./json_rows.ts";
import { readTextDocument } from "./text_document.ts";
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
