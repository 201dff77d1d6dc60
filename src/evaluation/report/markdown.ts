import type { Evaluation } from "../evaluation.ts";
import type { Sample } from "../scorecard.ts";
import { scoreRows, taskRows } from "./cells.ts";
import { namedClusters, spreadRows } from "./text.ts";

/** What an evaluation found, as Markdown: a table for all rows and for each kind of task, and the answers. */
export function evaluationMarkdown(evaluation: Evaluation): string {
  const { about, tasks, clusters, phrasings, forgetting, samples, notes, rows } = evaluation;
  const parts = [
    "# Evaluation",
    [
      `- base: ${code(about.base)}`,
      ...(about.tuned === null ? [] : [`- tuned: ${code(about.tuned)}`]),
      `- rows: ${rows}`,
    ].join("\n"),
    table(scoreRows(evaluation)),
    "Values with 95% intervals (bootstrap over rows); p by approximate randomization, two-sided.",
    ...(Object.keys(tasks).length > 1 ? ["## Tasks", table(taskRows(tasks))] : []),
    ...(Object.keys(tasks).length > 1
      ? Object.entries(tasks).flatMap(([name, one]) => [`### ${cell(name)}`, table(scoreRows(one))])
      : []),
    ...(clusters ? ["## Clusters", table(taskRows(namedClusters(clusters)))] : []),
    ...(phrasings
      ? ["## Phrasings", table(taskRows(phrasings.each)), table(spreadRows(phrasings.spread))]
      : []),
    ...(forgetting ? ["## Forgetting", table(taskRows(forgetting))] : []),
    ...(samples.length > 0 ? ["## Answers", ...samples.map(sampleMarkdown)] : []),
    ...(notes.length > 0 ? ["## Notes", notes.map((note) => `- ${cell(note)}`).join("\n")] : []),
  ];
  return `${parts.join("\n\n")}\n`;
}

function table([head, ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(" | ")} |`;
  return [line(head!), `|${head!.map(() => " --- |").join("")}`, ...rows.map(line)].join("\n");
}

/** What files say must not become markup. */
const cell = (text: string): string =>
  text.replace(/[\\`*_{}[\]<>#|~]/g, (mark) => `\\${mark}`).replace(/\s+/g, " ");

/** In a fence that is longer than any within. */
function code(text: string): string {
  const longest = Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  const fence = "`".repeat(longest + 1);
  const space = longest > 0 ? " " : "";
  return `${fence}${space}${text.replace(/\s+/g, " ")}${space}${fence}`;
}

function sampleMarkdown({ task, file, row, question, references, base, tuned }: Sample): string {
  const lines = [
    `**${cell(task)}**, ${code(`${file} row ${row}`)}`,
    `- question: ${code(question)}`,
    ...references.map((text) => `- right: ${code(text)}`),
    ...(base === undefined ? [] : [`- base: ${code(base)}`]),
    ...(tuned === undefined ? [] : [`- tuned: ${code(tuned)}`]),
  ];
  return [lines[0], lines.slice(1).join("\n")].join("\n\n");
}
