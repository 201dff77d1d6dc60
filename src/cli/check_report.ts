import type { Origin } from "../data/example.ts";
import type { Finding, SequenceCheck } from "../data/inspect/check_sequences.ts";
import type { Histogram } from "../data/inspect/histogram.ts";
import { printable } from "./failure.ts";
import { formatCount, formatPercent, plural } from "./format.ts";
import { headerLine } from "./train_header.ts";

/** Lines of what a set of sequences is like; what may be a mistake comes after. */
export function checkLines(check: SequenceCheck, batchSize: number): string[] {
  const { sequences, tokens, supervisedTokens, padding } = check;
  return [
    headerLine("sequences", `${formatCount(sequences)}, ${plural(tokens, "token")}`),
    headerLine(
      "labels",
      `${formatCount(supervisedTokens)} tokens, ${formatPercent(share(supervisedTokens, tokens))}`,
    ),
    headerLine("ends with", endings(check)),
    headerLine(
      "padding",
      `0 here; batches of ${batchSize} padded to their longest would lose ${formatPercent(share(padding, tokens + padding))}`,
    ),
    headerLine("lengths", lengths(check.lengths)),
    ...bars(check.lengths),
  ];
}

/** What may be a mistake, a line each. */
export function warnings(check: SequenceCheck): string[] {
  const { endless, doubleBos, duplicates, commonAnswers, sequences } = check;
  const lines = [
    found(endless, "end without an end token: from these the model does not learn to stop"),
    found(doubleBos, "begin with two BOS tokens"),
    found(duplicates, "are copies of an earlier one (deduplicate: true leaves them out)"),
  ];
  const [most] = commonAnswers;
  if (most && most.count >= Math.max(10, 0.02 * sequences))
    lines.push(`${plural(most.count, "sequence")} have the same answer: ${quoted(most.text)}`);
  return lines.filter((line) => line !== "");
}

export function found({ count, first }: Finding, what: string): string {
  if (count === 0) return "";
  const more = count > first.length ? ", …" : "";
  return `${plural(count, "sequence")} ${what}: ${first.map(place).join(", ")}${more}`;
}

const place = ({ file, row }: Origin) => `${printable(file)} row ${row}`;
const share = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);
const quoted = (text: string) => JSON.stringify(printable(text.length > 60 ? `${text.slice(0, 60)}…` : text));

function endings({ ends }: SequenceCheck): string {
  return ends
    .slice(0, 4)
    .map(
      ({ token, count }) => `${token === "" ? "no special token" : printable(token)} (${formatCount(count)})`,
    )
    .join(", ");
}

const lengths = ({ least, most, mean, median, p95 }: Histogram) =>
  `${formatCount(least)} to ${formatCount(most)} tokens, mean ${mean.toFixed(1)}, median ${median}, 95% up to ${p95}`;

const WIDTH = 40; // characters of the longest bar

function bars({ bins }: Histogram): string[] {
  const highest = Math.max(1, ...bins.map(({ count }) => count));
  const label = (from: number, to: number) => (from === to ? `${from}` : `${from}–${to}`);
  const width = Math.max(...bins.map(({ from, to }) => label(from, to).length));
  return bins.map(({ from, to, count }) => {
    const bar = "█".repeat(Math.round((count / highest) * WIDTH));
    return `${" ".repeat(10)}${label(from, to).padStart(width)} ${bar || (count > 0 ? "▏" : "")} ${formatCount(count)}`;
  });
}
