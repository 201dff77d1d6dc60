import type { Example, UnusableRow } from "../data/example.ts";
import {
  emptyReport,
  type PreparationReport,
  reportExample,
  reportUnusable,
} from "../data/preparation_report.ts";
import type { TokenSequence } from "../data/token_sequence.ts";
import { type TokenizeOptions, tokenizeExample } from "../data/tokenize_example.ts";
import { packSequences, type SequenceBlock } from "./sequence_block.ts";

/** Rows that are tokenized together. */
export type Chunk = readonly (Example | UnusableRow)[];

export interface TokenizedChunk {
  block: SequenceBlock;
  report: PreparationReport;
}

/** @throws AttuneError naming file and row. */
export function tokenizeChunk(chunk: Chunk, options: TokenizeOptions): TokenizedChunk {
  const report = emptyReport();
  const sequences: TokenSequence[] = [];
  for (const row of chunk) {
    if (row.kind === "unusable") {
      reportUnusable(report, row);
      continue;
    }
    const tokenized = tokenizeExample(row, options);
    reportExample(report, tokenized, row.origin);
    for (const sequence of tokenized.sequences) sequences.push(sequence);
  }
  return { block: packSequences(sequences), report };
}
