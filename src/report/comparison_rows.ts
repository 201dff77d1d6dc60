import { mainScore, showInterval, showValue } from "../evaluation/report/cells.ts";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatLoss,
  formatPercent,
} from "../text/format_number.ts";
import type { ComparedRun, RunComparison } from "./comparison.ts";

const NONE = "–";

/** A row for each run: what it is, what it came to, what it took. Columns that no run fills are left out. */
export function runRows({ runs }: RunComparison): string[][] {
  const score = mainOf(runs);
  const columns: [head: string, cell: (run: ComparedRun) => string | undefined][] = [
    ["run", ({ name }) => name],
    ["objective", ({ objective }) => objective],
    ["method", ({ method }) => method],
    ["steps", ({ steps }) => formatCount(steps)],
    ["trained", trained],
    ["loss", ({ trainingLoss }) => shown(trainingLoss, formatLoss)],
    ["held out", ({ heldOutLoss }) => shown(heldOutLoss?.last, formatLoss)],
    ["best", ({ heldOutLoss }) => shown(heldOutLoss?.best?.loss, formatLoss)],
    [
      score ?? "score",
      ({ scores }) => score && shown(scores?.[score]?.value, (value) => showValue(score, value)),
    ],
    ["forgetting", forgotten],
    ["time", ({ seconds }) => shown(seconds, formatDuration)],
    ["memory", ({ peakMemoryBytes }) => shown(peakMemoryBytes, formatBytes)],
    ["result", ({ resultBytes }) => shown(resultBytes, formatBytes)],
  ];
  const filled = columns.filter(([, cell]) => runs.some((run) => cell(run) !== undefined));
  return [filled.map(([head]) => head), ...runs.map((run) => filled.map(([, cell]) => cell(run) ?? NONE))];
}

/** A row for each score, with its interval in each run. Nothing where no run was evaluated. */
export function scoresOfRuns({ runs }: RunComparison): string[][] {
  const names = [...new Set(runs.flatMap(({ scores }) => Object.keys(scores ?? {})))];
  if (names.length === 0) return [];
  const rows = names.map((name) => [name, ...runs.map(({ scores }) => showInterval(name, scores?.[name]))]);
  return [["score", ...runs.map(({ name }) => name)], ...rows];
}

/** A row for each setting that differs. */
export function differenceRows({ runs, differences }: RunComparison): string[][] {
  const rows = Object.entries(differences).map(([key, values]) => [
    key,
    ...values.map((value) => value ?? NONE),
  ]);
  return rows.length === 0 ? [] : [["setting", ...runs.map(({ name }) => name)], ...rows];
}

const shown = (value: number | undefined, show: (value: number) => string) =>
  value === undefined || !Number.isFinite(value) ? undefined : show(value);

function mainOf(runs: readonly ComparedRun[]): string | undefined {
  const base = Object.assign({}, ...runs.map(({ scores }) => scores ?? {}));
  const main = mainScore({ rows: 0, base, tuned: null });
  return main === "loss" ? undefined : main;
}

function trained({ trainedParameters, parameters }: ComparedRun): string | undefined {
  if (trainedParameters === undefined) return undefined;
  return `${formatCount(trainedParameters)} (${formatPercent(trainedParameters / parameters!)})`;
}

/** Loss on other texts: how much it rose, the mean over them. */
function forgotten({ forgetting }: ComparedRun): string | undefined {
  const rises = Object.values(forgetting ?? {}).flatMap(({ base, tuned }) =>
    base && tuned ? [tuned.value - base.value] : [],
  );
  if (rises.length === 0) return undefined;
  const mean = rises.reduce((sum, rise) => sum + rise, 0) / rises.length;
  return `${mean >= 0 ? "+" : ""}${mean.toFixed(4)}`;
}
