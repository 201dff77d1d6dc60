import type { Example, Text, UnusableRow } from "../example.ts";
import type { Chunk } from "./tokenize_chunk.ts";

const ROWS = 256;
const CHARACTERS = 2 ** 18;

/** A piece of a document that comes in several: each has to be tokenized after the one before. */
export interface DocumentPiece extends Text {
  isLast: boolean;
}

export const isPiece = (work: Chunk | DocumentPiece): work is DocumentPiece => "isLast" in work;

/**
 * Gathers rows into chunks of about equal work: {@link ROWS}, or fewer when their texts are long. Pieces of documents
 * come one by one.
 */
export async function* chunkRows(
  rows: AsyncIterable<Example | UnusableRow>,
): AsyncGenerator<Chunk | DocumentPiece> {
  let chunk: (Example | UnusableRow)[] = [];
  let characters = 0;
  let isWithin = false;
  for await (const row of rows) {
    if (row.kind === "text" && (row.more || isWithin)) {
      if (chunk.length > 0) yield chunk;
      [chunk, characters, isWithin] = [[], 0, row.more === true];
      yield { ...row, isLast: !row.more };
      continue;
    }
    chunk.push(row);
    characters += charactersOf(row);
    if (chunk.length < ROWS && characters < CHARACTERS) continue;
    yield chunk;
    [chunk, characters] = [[], 0];
  }
  if (chunk.length > 0) yield chunk;
}

function charactersOf(row: Example | UnusableRow): number {
  if (row.kind === "unusable") return row.reason.length;
  if (row.kind === "text") return row.text.length;
  if (row.kind === "tokens") return row.tokens.length;
  if (row.kind === "completion") return row.prompt.length + row.completion.length;
  return row.messages.reduce((sum, { content }) => sum + content.length, 0);
}
