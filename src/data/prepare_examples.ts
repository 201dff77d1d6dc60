import { AttuneError } from "../errors.ts";
import { describeOrigin, type Example, type Origin } from "./example.ts";
import { countLabels, type TokenSequence } from "./token_sequence.ts";
import { type TokenizeOptions, tokenizeExample } from "./tokenize_example.ts";

export interface PreparationReport {
  /** Examples, of which each is kept or dropped. */
  read: number;
  kept: number;
  /** Examples longer than `maxLength`, whose answer lost its end; some of them are kept, some dropped. */
  truncated: number;
  /** Of the dropped: those whose labels all lie beyond `maxLength`. */
  withoutLabel: number;
  dropped: { origin: Origin; reason: string }[];
  /** Tokens of all sequences. */
  tokens: number;
  /** Labels of all sequences. */
  supervisedTokens: number;
}

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
  const report: PreparationReport = {
    read: examples.length,
    kept: 0,
    truncated: 0,
    withoutLabel: 0,
    dropped: [],
    tokens: 0,
    supervisedTokens: 0,
  };
  for (const example of examples) {
    const tokenized = tokenizeExample(example, options);
    if (tokenized.truncated) report.truncated++;
    if (tokenized.dropped === undefined) report.kept++;
    else {
      if (tokenized.truncated) report.withoutLabel++;
      report.dropped.push({ origin: example.origin, reason: tokenized.dropped });
    }
    for (const sequence of tokenized.sequences) {
      report.tokens += sequence.tokens.length;
      report.supervisedTokens += countLabels(sequence);
      sequences.push(sequence);
    }
  }
  if (sequences.length === 0) throw nothingLeft(report);
  return { sequences, report };
}

function nothingLeft({ read, dropped }: PreparationReport): AttuneError {
  const byReason = new Map<string, Origin[]>();
  for (const { origin, reason } of dropped) {
    const origins = byReason.get(reason);
    if (origins) origins.push(origin);
    else byReason.set(reason, [origin]);
  }
  const reasons = Array.from(
    byReason,
    ([reason, origins]) => `${reason} (${origins.length}, first ${describeOrigin(origins[0]!)})`,
  );
  return new AttuneError(
    `data: none of ${read} examples can be trained on: ${reasons.join("; ") || "there are none"}`,
  );
}
