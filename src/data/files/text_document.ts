import { AttuneError } from "../../text/errors.ts";
import { type DataRow, ROW_LIMIT } from "./data_row.ts";
import { decodeStream } from "./utf8.ts";

const BLANK_LIMIT = 64 * 2 ** 20; // UTF-16 units

/**
 * A plain text file is one document, `{ text }`, in pieces as they are read: each but the last says that there is more.
 * None if it is empty.
 * @throws AttuneError when it is no text.
 */
export async function* readTextDocument(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
): AsyncGenerator<DataRow> {
  let piece = "";
  let isBlank = true; // so far
  for await (const text of decodeStream(chunks, file)) {
    if (!isBlank) {
      yield { row: 1, value: { text: piece }, more: true };
      piece = "";
    }
    piece += text;
    isBlank &&= text.trim() === "";
    if (isBlank && piece.length > BLANK_LIMIT)
      throw new AttuneError({
        code: "data.blank-start",
        place: file,
        problem: `the text begins with more than ${BLANK_LIMIT} characters of white space`,
      });
  }
  if (!isBlank) yield { row: 1, value: { text: piece } };
}

/** Documents in one piece again, for whoever reads rows as a whole. One that is too long is a row with a problem. */
export async function* wholeDocuments(
  rows: AsyncIterable<DataRow>,
  limit = ROW_LIMIT,
): AsyncGenerator<DataRow> {
  let whole = "";
  let isTooLong = false;
  for await (const row of rows) {
    const isPiece = "value" in row && (row.more || whole !== "" || isTooLong);
    if (!isPiece) {
      yield row;
      continue;
    }
    if (!isTooLong) whole += (row.value as { text: string }).text;
    isTooLong ||= whole.length > limit;
    if (isTooLong) whole = "";
    if (row.more) continue;
    yield isTooLong
      ? { row: row.row, problem: `the text has more than ${limit} characters` }
      : { row: row.row, value: { text: whole } };
    [whole, isTooLong] = ["", false];
  }
}
