import { scoreRows, taskRows } from "../evaluation/report/cells.ts";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatLoss,
  formatPercent,
  plural,
} from "../text/format_number.ts";
import { answersSection } from "./answers.ts";
import { type Html, html } from "./html.ts";
import { heldOutLosses, trainingLosses } from "./losses_of_run.ts";
import { page } from "./page.ts";
import { evaluationRows, runCharts } from "./run_charts.ts";
import type { RecordedEvaluation, RunRecord, RunStatus, RunSummary } from "./run_record.ts";
import { methodOf, objectiveOf } from "./run_words.ts";
import { settingsOf } from "./settings.ts";
import { factsOf, tableOf } from "./table.ts";

/** `report.html`: a run as a page that needs no network and no other file. */
export function runPage(record: RunRecord): string {
  const { history, summary, evaluation } = record;
  return page(
    `${record.path} · attune`,
    html`${head(record)}
${alerts(record)}
${tiles(record)}
<section aria-labelledby="curves"><h2 id="curves">Curves</h2>${history.curves.size > 0 ? runCharts(history) : html`<p class="dim">No step has been taken yet.</p>`}
${evaluationTable(record)}</section>
${evaluation && comparison(evaluation)}
${answersSection(history.answers)}
${summary && dataSection(summary)}
<section aria-labelledby="settings"><h2 id="settings">Settings</h2>${factsOf(settingsOf(record.recipe))}</section>
${foot(record)}`,
  );
}

const STATES: Record<RunStatus, string> = {
  running: "running",
  completed: "done",
  "early-stopping": "done: evaluations stopped getting better",
  stopped: "stopped",
  failed: "failed",
};

function head(record: RunRecord): Html {
  const { path, recipe, summary } = record;
  const words = [String(recipe.stage ?? "instruct"), objectiveOf(record), methodOf(record)];
  return html`<header><div class="line"><h1><bdi>${path}</bdi></h1>${summary && html`<span class="state ${summary.state}">${STATES[summary.state]}</span>`}</div>
<p>${words.join(" · ")} on <bdi>${String(recipe.model ?? "")}</bdi></p></header>`;
}

function alerts({ summary, damaged }: RunRecord): Html {
  const mild = [...(summary?.warnings ?? []), ...damaged];
  return html`${summary?.error !== undefined && html`<div class="alert" role="alert">${summary.error}</div>`}${mild.map((text) => html`<div class="alert mild">${text}</div>`)}`;
}

type Tile = [name: string, value: string, under?: string];

function tiles(record: RunRecord): Html {
  const shown = [...lossTiles(record), ...progressTiles(record), ...sizeTiles(record)];
  return html`<dl class="tiles">${shown.map(([name, value, under]) => html`<div class="tile"><dt>${name}</dt><dd><span class="value">${value}</span>${under !== undefined && html`<span class="under">${under}</span>`}</dd></div>`)}</dl>`;
}

function lossTiles({ history }: RunRecord): Tile[] {
  const training = trainingLosses(history);
  const held = heldOutLosses(history);
  const tiles: Tile[] = [];
  if (training.last)
    tiles.push([
      "Training loss",
      formatLoss(training.last.loss),
      `from ${formatLoss(training.first!.loss)}, smoothed`,
    ]);
  if (held.best) {
    const { first, best, last } = held;
    const end = last!.step === best.step ? "" : `, ${formatLoss(last!.loss)} at the end`;
    const under = `at step ${best.step}; ${formatLoss(first!.loss)} at step ${first!.step}${end}`;
    tiles.push(["Best held-out loss", formatLoss(best.loss), under]);
  }
  return tiles;
}

function progressTiles({ history, summary }: RunRecord): Tile[] {
  const { step, tokens, computedTokens, stepSeconds } = history;
  const total = summary?.totalSteps;
  const steps: Tile = [
    "Steps",
    formatCount(step),
    total === undefined
      ? undefined
      : `of ${formatCount(total)}, ${(step / summary!.stepsPerEpoch).toFixed(2)} epochs${skipped(summary!)}`,
  ];
  if (step === 0) return [steps];
  const seconds = summary?.seconds ?? stepSeconds;
  const shared =
    computedTokens > 0 && computedTokens < tokens
      ? `, ${formatPercent(1 - computedTokens / tokens)} shared and computed once`
      : "";
  return [
    steps,
    ["Time", formatDuration(seconds), `${formatDuration(stepSeconds)} in steps`],
    [
      "Tokens a second",
      formatCount(Math.round(tokens / Math.max(stepSeconds, 1e-9))),
      `${plural(tokens, "token")}${shared}`,
    ],
  ];
}

const skipped = ({ skippedSteps = 0 }: RunSummary) =>
  skippedSteps > 0
    ? `; ${formatCount(skippedSteps)} skipped: ${skippedSteps === 1 ? "its gradient was" : "their gradients were"} too large for float16`
    : "";

function sizeTiles(record: RunRecord): Tile[] {
  const { summary } = record;
  if (!summary) return [];
  const { peakMemoryBytes, resultBytes, diskBytes } = summary;
  return [
    [
      "Trained weights",
      formatCount(summary.trainedParameters),
      `${formatPercent(summary.trainedParameters / summary.parameters)} of ${formatCount(summary.parameters)}`,
    ],
    ["Peak memory", formatBytes(peakMemoryBytes)],
    ...(diskBytes === undefined
      ? []
      : [
          [
            "On disk",
            formatBytes(diskBytes),
            resultBytes === undefined ? undefined : `result ${formatBytes(resultBytes)}`,
          ] as Tile,
        ]),
  ];
}

const MOST_ROWS = 200; // evaluations in the table

function evaluationTable({ history }: RunRecord): Html | undefined {
  const [first, ...rows] = evaluationRows(history);
  if (!first) return undefined;
  return html`<details><summary>Evaluations as a table</summary>${tableOf([first, ...rows.slice(-MOST_ROWS)], "Held-out rows at each evaluation")}</details>`;
}

function comparison(evaluation: RecordedEvaluation): Html {
  const { tasks, forgetting, rows } = evaluation;
  return html`<section aria-labelledby="compared"><h2 id="compared">Base against tuned</h2>
${tableOf(scoreRows(evaluation), `${plural(rows, "held-out row")}; 95% intervals`)}
${Object.keys(tasks).length > 1 && html`<details open><summary>By task</summary>${tableOf(taskRows(tasks))}</details>`}
${forgetting && html`<details open><summary>Forgetting</summary>${tableOf(taskRows(forgetting))}</details>`}</section>`;
}

function dataSection({ data, examples, evaluationExamples, duplicates }: RunSummary): Html {
  const leftOut = (kind: string, entries: RunSummary["data"]["dropped"]) =>
    entries.map(({ reason, count }) => [kind, `${plural(count, "row")}: ${reason}`] as const);
  const cut = data.truncated - data.withoutLabel;
  return html`<section aria-labelledby="data"><h2 id="data">Data</h2>${factsOf([
    ["rows", `${formatCount(data.read)}, of which ${formatCount(data.kept)} are kept`],
    ["examples", `${formatCount(examples)} trained, ${formatCount(evaluationExamples)} held out`],
    ["tokens", `${formatCount(data.tokens)}, ${formatCount(data.supervisedTokens)} of them labels`],
    ...(cut > 0 ? [["cut", `${plural(cut, "row")}: answers lost their end to maxLength`] as const] : []),
    ...(duplicates > 0
      ? [["equal", `${plural(duplicates, "sequence")} left out, equal to another`] as const]
      : []),
    ...leftOut("dropped", data.dropped),
    ...leftOut("unusable", data.unusable),
    ...leftOut("lost", data.lost),
  ])}</section>`;
}

function foot({ startedAt, summary }: RunRecord): Html {
  const date = startedAt && `Started ${startedAt.toISOString().slice(0, 16).replace("T", " ")} UTC. `;
  const rate =
    summary &&
    `Learning rate ${summary.learningRate.value.toExponential()}, ${summary.learningRate.origin}. `;
  return html`<footer>${date}${rate}Made by attune from the files in this directory; nothing was loaded from elsewhere.</footer>`;
}
