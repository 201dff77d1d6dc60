import { alignColumns, cutTo } from "../evaluation/report/columns.ts";
import { isExact } from "../evaluation/scores/exact_match.ts";
import { padEnd, textWidth } from "../text/text_width.ts";

/** One column of scores: a share of right answers per task. */
export interface ScoreColumn {
  head: string;
  scores: ReadonlyMap<string, number>;
}

/** A table of exact matches, a line per task and one for their mean: the columns are, say, before and after tuning. */
export function scoreTable(columns: readonly ScoreColumn[]): string {
  const tasks = [...new Set(columns.flatMap(({ scores }) => [...scores.keys()]))];
  const rows = [
    ["exact match", ...columns.map(({ head }) => head)],
    ...tasks.map((task) => [task, ...columns.map(({ scores }) => percent(scores.get(task)))]),
    ["average", ...columns.map(({ scores }) => percent(mean([...scores.values()])))],
  ];
  const [heads, ...body] = alignColumns(rows);
  const rule = "─".repeat(Math.max(...[heads!, ...body].map(textWidth)));
  return [heads, rule, ...body.slice(0, -1), rule, body.at(-1)].join("\n");
}

/** One question with what was answered before and after. */
export interface AnswerPair {
  question: string;
  /** The right answer. */
  output: string;
  before: string;
  after: string;
}

/** Answers side by side, the question above them, each marked right or wrong. */
export function answerTable(pairs: readonly AnswerPair[], width = 38): string {
  return pairs
    .map(({ question, output, before, after }) => {
      const marked = (answer: string) =>
        `${isExact(answer, [output]) ? "✓" : "✗"} ${cutTo(answer, width - 2)}`;
      return `${cutTo(question, Number.POSITIVE_INFINITY)}\n  ${padEnd(marked(before), width)}  ${marked(after)}`;
    })
    .join("\n");
}

function percent(score: number | undefined): string {
  return score === undefined || Number.isNaN(score) ? "–" : `${Math.round(score * 100)}%`;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
