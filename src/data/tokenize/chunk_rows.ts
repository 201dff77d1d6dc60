import type { Example, UnusableRow } from "../example.ts";
import type { Chunk } from "./tokenize_chunk.ts";

const ROWS = 256;
const CHARACTERS = 2 ** 18;

/** Gathers rows into chunks of about equal work: {@link ROWS}, or fewer when their texts are long. */
export async function* chunkRows(rows: AsyncIterable<Example | UnusableRow>): AsyncGenerator<Chunk> {
  let chunk: (Example | UnusableRow)[] = [];
  let characters = 0;
  for await (const row of rows) {
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
