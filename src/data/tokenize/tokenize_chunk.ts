import type { Example, UnusableRow } from "../example.ts";
import type { PreparationReport } from "./preparation_report.ts";
import { packSequences, type SequenceBlock } from "./sequence_block.ts";
import type { TokenizeOptions } from "./tokenize_example.ts";
import { tokenizeList } from "./tokenize_list.ts";

/** Rows that are tokenized together. */
export type Chunk = readonly (Example | UnusableRow)[];

export interface TokenizedChunk {
  block: SequenceBlock;
  report: PreparationReport;
}

export function tokenizeChunk(chunk: Chunk, options: TokenizeOptions): TokenizedChunk {
  const { sequences, report } = tokenizeList(chunk, options);
  return { block: packSequences(sequences), report };
}
