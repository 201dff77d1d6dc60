import { describeOrigin, type Example, type UnusableRow } from "../data/example.ts";
import {
  emptyReport,
  type PreparationReport,
  reportExample,
  reportUnusable,
} from "../data/preparation_report.ts";
import type { TokenSequence } from "../data/token_sequence.ts";
import { type TokenizedExample, type TokenizeOptions, tokenizeExample } from "../data/tokenize_example.ts";
import { AttuneError } from "../errors.ts";
import { packSequences, type SequenceBlock } from "./sequence_block.ts";

/** Rows that are tokenized together. */
export type Chunk = readonly (Example | UnusableRow)[];

export interface TokenizedChunk {
  block: SequenceBlock;
  report: PreparationReport;
}

/** A row that can't be tokenized is told of and passed, like one that can't be read. */
export function tokenizeChunk(chunk: Chunk, options: TokenizeOptions): TokenizedChunk {
  const report = emptyReport();
  const sequences: TokenSequence[] = [];
  for (const row of chunk) {
    const tokenized = row.kind === "unusable" ? row : tokenize(row, options);
    if ("kind" in tokenized) {
      reportUnusable(report, tokenized);
      continue;
    }
    reportExample(report, tokenized, row.origin);
    for (const sequence of tokenized.sequences) sequences.push(sequence);
  }
  return { block: packSequences(sequences), report };
}

function tokenize(example: Example, options: TokenizeOptions): TokenizedExample | UnusableRow {
  try {
    return tokenizeExample(example, options);
  } catch (error) {
    if (!(error instanceof AttuneError)) throw error;
    const { origin } = example;
    return { kind: "unusable", reason: error.message.replace(`${describeOrigin(origin)}: `, ""), origin };
  }
}
