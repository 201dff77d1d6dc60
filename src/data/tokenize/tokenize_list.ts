import { AttuneError } from "../../text/errors.ts";
import { describeOrigin, type Example, type UnusableRow } from "../example.ts";
import { emptyReport, type PreparationReport, reportExample, reportUnusable } from "./preparation_report.ts";
import type { TokenSequence } from "./token_sequence.ts";
import { type TokenizedExample, type TokenizeOptions, tokenizeExample } from "./tokenize_example.ts";

export interface PreparedExamples {
  /** In file order. A long document gives several. */
  sequences: TokenSequence[];
  report: PreparationReport;
}

/** Tokenizes rows and says what became of each; one that can't be read or tokenized is reported and skipped. */
export function tokenizeList(
  rows: readonly (Example | UnusableRow)[],
  options: TokenizeOptions,
): PreparedExamples {
  const report = emptyReport();
  const sequences: TokenSequence[] = [];
  for (const row of rows) {
    if ("messages" in row) options.template.choose?.(row.tools); // a broken template isn't the row's fault
    const tokenized = row.kind === "unusable" ? row : tokenize(row, options);
    if ("kind" in tokenized) {
      reportUnusable(report, tokenized);
      continue;
    }
    reportExample(report, tokenized, row.origin);
    for (const sequence of tokenized.sequences) sequences.push(sequence);
  }
  return { sequences, report };
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
