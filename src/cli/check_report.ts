import { styleText } from "node:util";
import { describeOrigin } from "../data/example.ts";
import type { Finding, SequenceCheck } from "../data/inspect/check_sequences.ts";
import type { Histogram } from "../data/inspect/histogram.ts";
import type { PreparationReport } from "../data/tokenize/preparation_report.ts";
import type { RunData } from "../run/prepare_data.ts";
import type { Recipe } from "../training/recipe.ts";
import { forTerminal } from "./failure.ts";
import { formatCount, formatPercent, plural } from "./format.ts";
import { describeLeftOut, headerLine } from "./train_header.ts";

export interface DataCheck {
  train: SequenceCheck;
  evaluation: SequenceCheck;
  /** Held-out questions that are trained on. */
  leaks: Finding;
  /** Tokens of an epoch that are computed, what examples of a step share only once. */
  computedTokens: number;
  /** Train would refuse it; the reason is shown elsewhere. */
  refused: boolean;
}

/** What a recipe's data is like, and what may be wrong with it. */
export function checkReport(recipe: Recipe, data: RunData, check: DataCheck): string {
  const { report, template, tokenizer, hash } = data;
  const { train, evaluation, computedTokens, refused } = check;
  const problems = problemLines(recipe, data, check);
  return [
    headerLine("rows", rows(report)),
    headerLine("template", `${template.name}, ${short(template.hash)}`),
    headerLine("tokenizer", short(tokenizer)),
    headerLine("data", short(hash)),
    ...part("trained on", train, recipe.training.batchSize),
    headerLine("sharing", sharing(train.tokens, computedTokens)),
    ...(evaluation.sequences > 0 ? part("held out", evaluation, recipe.training.batchSize) : []),
    `\n${styleText("bold", problems.length > 0 ? "look at" : refused ? "refused" : "nothing looks wrong")}`,
    ...problems.map((line) => `  ${line}`),
  ].join("\n");
}

const part = (title: string, check: SequenceCheck, batchSize: number) => [
  `\n${styleText("bold", title)}`,
  ...checkLines(check, batchSize),
];

const short = (hash: string) => hash.slice(0, 12);

function rows({ read, kept, truncated }: PreparationReport): string {
  const cut = truncated > 0 ? `, ${formatCount(truncated)} longer than maxLength` : "";
  return `${formatCount(read)} read, ${formatCount(kept)} kept${cut}`;
}

const sharing = (tokens: number, computed: number) =>
  `${formatCount(computed)} of ${formatCount(tokens)} tokens are computed: what examples of a step begin with alike is computed once, ${formatPercent(share(tokens - computed, tokens))} less`;

/** What may be a mistake, a line each. */
function problemLines({ training, deduplicate }: Recipe, data: RunData, check: DataCheck): string[] {
  const { truncated, withoutLabel, dropped, unusable, lost } = data.report;
  const cut = truncated - withoutLabel;
  return [
    ...unusable.map((entry) => `unusable: ${describeLeftOut(entry)}`),
    ...dropped.map((entry) => `dropped: ${describeLeftOut(entry)}`),
    ...lost.map((entry) => `lost: ${describeLeftOut(entry)}`),
    cut > 0 ? `${plural(cut, "row")} cut to maxLength ${training.maxLength}: their answers lost the end` : "",
    ...warnings(check.train, deduplicate),
    found(check.leaks, "held out with a prompt that is trained on"),
  ]
    .filter((line) => line !== "")
    .map(forTerminal);
}

/** Lines of what a set of sequences is like. */
function checkLines(check: SequenceCheck, batchSize: number): string[] {
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

function warnings(check: SequenceCheck, deduplicated: boolean): string[] {
  const { endless, doubleBos, duplicates, commonAnswers, sequences } = check;
  const lines = [
    found(endless, "without an end token, from which the model does not learn to stop"),
    found(doubleBos, "with two BOS tokens at the start"),
    deduplicated ? "" : found(duplicates, "equal to an earlier one, which deduplicate: true leaves out"),
  ];
  const [most] = commonAnswers;
  if (most && most.count >= Math.max(MANY, MUCH * sequences))
    lines.push(`${plural(most.count, "sequence")} with the same answer: ${quoted(most.text)}`);
  return lines;
}

/** An answer that this many, and this share, of all sequences have is worth a look. */
const [MANY, MUCH] = [10, 0.02];

function found({ count, first }: Finding, what: string): string {
  if (count === 0) return "";
  const more = count > first.length ? ", …" : "";
  return `${plural(count, "sequence")} ${what}: ${first.map(describeOrigin).join(", ")}${more}`;
}

const share = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);
const quoted = (text: string) => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);

function endings({ ends }: SequenceCheck): string {
  return ends
    .slice(0, 4)
    .map(
      ({ token, count }) =>
        `${token === "" ? "no special token" : forTerminal(token)} (${formatCount(count)})`,
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
