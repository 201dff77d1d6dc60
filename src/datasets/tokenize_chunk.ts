import type { Example, UnusableRow } from "../data/example.ts";
import type { PreparationReport } from "../data/preparation_report.ts";
import { tokenizeRows } from "../data/prepare_examples.ts";
import type { TokenizeOptions } from "../data/tokenize_example.ts";
import { packSequences, type SequenceBlock } from "./sequence_block.ts";

/** Rows that are tokenized together. */
export type Chunk = readonly (Example | UnusableRow)[];

export interface TokenizedChunk {
  block: SequenceBlock;
  report: PreparationReport;
}

export function tokenizeChunk(chunk: Chunk, options: TokenizeOptions): TokenizedChunk {
  const { sequences, report } = tokenizeRows(chunk, options);
  return { block: packSequences(sequences), report };
}
