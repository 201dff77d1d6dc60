import { peekBytes } from "./bytes.ts";
import type { DataRow } from "./data_row.ts";
import { readJsonLines } from "./json_lines.ts";
import { readJsonList } from "./json_list.ts";

const SPACE_LIMIT = 2 ** 20; // bytes

/** Rows of a JSON list or of JSONL: what begins with a bracket is a list. Expects no byte order mark. */
export async function* readJsonRows(
  stream: AsyncIterable<Uint8Array>,
  file: string,
): AsyncGenerator<DataRow> {
  const { head, chunks } = await peekBytes(
    stream,
    (bytes) => bytes.length > SPACE_LIMIT || firstCharacter(bytes) !== undefined,
  );
  yield* firstCharacter(head) === "[" ? readJsonList(chunks, file) : readJsonLines(chunks, file);
}

/** Undefined when there is only white space. */
export function firstCharacter(bytes: Uint8Array): string | undefined {
  const first = bytes.find((byte) => !isSpace(byte));
  return first === undefined ? undefined : String.fromCharCode(first);
}

const isSpace = (byte: number): boolean => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
