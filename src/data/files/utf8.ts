import { peekBytes } from "./bytes.ts";
import { wrongEncoding } from "./check_text.ts";
import { describeEncoding, guessEncoding, markedEncoding } from "./encoding.ts";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

/** Undefined for what is not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Why bytes are no text, for a row that can't be used. */
export function notUtf8(bytes: Uint8Array): string {
  const { problem } = describeEncoding(guessEncoding(bytes));
  return problem;
}

/** For excerpts of what is broken anyway. */
export const decodeAnyway = (bytes: Uint8Array): string => lenient.decode(bytes);

/** The stream without its byte order mark. @throws AttuneError when the mark is UTF-16's. */
export async function skipByteOrderMark(
  stream: AsyncIterable<Uint8Array>,
  file: string,
): Promise<AsyncGenerator<Uint8Array>> {
  const { head, chunks } = await peekBytes(stream, ({ length }) => length >= 3);
  const marked = markedEncoding(head);
  if (marked) throw wrongEncoding(file, marked);
  const [first, second, third] = head;
  return first === 0xef && second === 0xbb && third === 0xbf ? skip(chunks, 3) : chunks;
}

async function* skip(chunks: AsyncIterable<Uint8Array>, count: number): AsyncGenerator<Uint8Array> {
  let left = count;
  for await (const chunk of chunks) {
    if (left < chunk.length) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}

/** The stream as text, in pieces. @throws AttuneError where it is not UTF-8. */
export async function* decodeStream(chunks: AsyncIterable<Uint8Array>, file: string): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let line = 1;
  const decode = (chunk?: Uint8Array): string => {
    try {
      return decoder.decode(chunk, { stream: chunk !== undefined });
    } catch {
      throw wrongEncoding(file, chunk && guessEncoding(chunk), `, near line ${line}`);
    }
  };
  for await (const chunk of chunks) {
    const text = decode(chunk);
    line += countLineEnds(text);
    if (text !== "") yield text;
  }
  decode();
}

export function countLineEnds(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count++;
  return count;
}
