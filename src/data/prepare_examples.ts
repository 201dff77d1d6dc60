import type { Example } from "./example.ts";
import { checkAnyKept, emptyReport, type PreparationReport, reportExample } from "./preparation_report.ts";
import type { TokenSequence } from "./token_sequence.ts";
import { type TokenizeOptions, tokenizeExample } from "./tokenize_example.ts";

export type { PreparationReport } from "./preparation_report.ts";

export interface PreparedExamples {
  /** In file order. A long document gives several. */
  sequences: TokenSequence[];
  report: PreparationReport;
}

/**
 * Tokenizes examples and says what became of each.
 * @throws AttuneError when an example can't be tokenized, or none is left.
 */
export function prepareExamples(examples: readonly Example[], options: TokenizeOptions): PreparedExamples {
  const sequences: TokenSequence[] = [];
  const report = emptyReport();
  for (const example of examples) {
    const tokenized = tokenizeExample(example, options);
    reportExample(report, tokenized, example.origin);
    sequences.push(...tokenized.sequences);
  }
  checkAnyKept(report);
  return { sequences, report };
}
