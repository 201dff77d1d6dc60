import { byteCollector } from "./bytes.ts";
import { ROW_LIMIT } from "./data_row.ts";
import { decodeUtf8, notUtf8 } from "./utf8.ts";

/** A line's text, without its end; or why it has none. */
export type Line = { line: number; text: string } | { line: number; problem: string };

const LINE_END = 0x0a;

/** The lines of a stream, counted from 1, however it is cut into chunks. What is too long is read over, not kept. */
export async function* readLines(chunks: AsyncIterable<Uint8Array>, limit = ROW_LIMIT): AsyncGenerator<Line> {
  const bytes = byteCollector(limit);
  let line = 1;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(LINE_END); end >= 0; end = chunk.indexOf(LINE_END, from)) {
      bytes.add(chunk.subarray(from, end));
      yield finish(bytes, line++);
      from = end + 1;
    }
    bytes.add(chunk.subarray(from));
  }
  if (bytes.size > 0) yield finish(bytes, line);
}

function finish(bytes: ReturnType<typeof byteCollector>, line: number): Line {
  const { isFull, size } = bytes;
  const kept = bytes.take();
  const text = decodeUtf8(kept);
  if (isFull) return { line, problem: `the row has ${size} bytes, more than may be` };
  if (text === undefined) return { line, problem: notUtf8(kept) };
  return { line, text };
}
