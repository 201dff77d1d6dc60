import { AttuneError } from "../../text/errors.ts";
import type { DataRow } from "./data_row.ts";
import { decodeStream } from "./utf8.ts";

const DOCUMENT_LIMIT = 256 * 2 ** 20; // bytes: what it becomes has to fit into one string and one list of tokens

/** A plain text file is one row, `{ text }`; none if it is empty. @throws AttuneError when it is no text, or too long. */
export async function* readTextDocument(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
  limit = DOCUMENT_LIMIT,
): AsyncGenerator<DataRow> {
  let text = "";
  for await (const part of decodeStream(limited(chunks, file, limit), file)) text += part;
  if (text.trim() !== "") yield { row: 1, value: { text } };
}

async function* limited(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
  limit: number,
): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > limit)
      throw new AttuneError(
        `${file}: the text has more than ${limit} bytes; a text file is one document: write JSONL, a {"text": …} a line`,
      );
    yield chunk;
  }
}
