import { FRACTIONS } from "../evaluation/score_names.ts";
import { formatLoss } from "../text/format_number.ts";
import { chart, type Series } from "./chart.ts";
import type { Curve } from "./curve.ts";
import { type Html, html } from "./html.ts";
import { smoothed } from "./losses_of_run.ts";
import type { RunHistory } from "./run_record.ts";

/** A run's curves: losses first, then what an objective or the scores of answers measure, then the rest. */
export function runCharts({ curves }: RunHistory): Html {
  const one = (name: string, title: string, show: (value: number) => string, fromZero = false) => {
    const curve = curves.get(name);
    return curve && chart({ title, series: [{ name: title, curve, color: 1 }], show, fromZero });
  };
  return html`<div class="charts">${lossChart(curves)}${measuredNames(curves).map((name) => measuredChart(name, curves))}${one("gradNorm", "Gradient norm before clipping", showNumber, true)}${one("learningRate", "Learning rate", showSmall, true)}${one("tokensPerSecond", "Tokens a second", showNumber, true)}</div>`;
}

function lossChart(curves: RunHistory["curves"]): Html {
  const [loss, held] = [curves.get("loss"), curves.get("evalLoss")];
  const series: Series[] = [
    ...(loss ? [{ name: "each step", curve: loss, color: 1, look: "faint" as const }] : []),
    ...(loss ? [{ name: "training, smoothed", curve: smoothed(loss), color: 1 }] : []),
    ...(held ? [{ name: "held out", curve: held, color: 2, look: "points" as const }] : []),
  ];
  return chart({ title: "Loss", series, show: showNumber, wide: true });
}

/** Columns of metrics.jsonl that every run has. */
const OWN =
  "loss evalLoss learningRate gradNorm tokens computedTokens supervisedTokens seconds tokensPerSecond".split(
    " ",
  );

/** What else it has: by TRL's names of an objective's metrics, and the scores of held-out answers. */
const measuredNames = (curves: RunHistory["curves"]): string[] => [
  ...new Set(
    [...curves.keys()].filter((name) => !OWN.includes(name)).map((name) => name.replace(/^eval_/, "")),
  ),
];

const MOST_MEASURED = 40; // charts: a score of one's own may have any number of names

function measuredChart(name: string, curves: RunHistory["curves"]): Html | undefined {
  if (measuredNames(curves).indexOf(name) >= MOST_MEASURED) return undefined;
  const [own, held] = [curves.get(name), curves.get(`eval_${name}`)];
  const series: Series[] = [
    ...(own ? [{ name: "each step", curve: own, color: 1, look: "faint" as const }] : []),
    ...(own ? [{ name: "training, smoothed", curve: smoothed(own), color: 1 }] : []),
    ...(held ? [{ name: "held out", curve: held, color: 2, look: "points" as const }] : []),
  ];
  const isShare = FRACTIONS.has(name) || name.endsWith("/accuracies");
  return chart({ title: name, series, show: isShare ? showShare : showNumber, fromZero: isShare });
}

/** As short as an axis needs it. */
export const showNumber = (value: number): string => {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e6 || size < 1e-3) return value.toExponential(1);
  return String(Number(value.toPrecision(4)));
};

const showSmall = (value: number) => (value === 0 ? "0" : value.toExponential(1));
export const showShare = (value: number) => `${Number((100 * value).toFixed(1))}%`;

/** A table of the evaluations, for those who want the figures. */
export function evaluationRows({ curves }: RunHistory): string[][] {
  const held = curves.get("evalLoss") as Curve | undefined;
  if (!held) return [];
  const names = [...curves.keys()].filter((name) => name.startsWith("eval_")).slice(0, 12);
  const cell = (name: string, step: number) => {
    const curve = curves.get(name)!;
    const value = curve.values[curve.steps.indexOf(step)];
    if (value === undefined || !Number.isFinite(value)) return "–";
    return FRACTIONS.has(name.slice(5)) ? showShare(value) : showNumber(value);
  };
  const rows = held.steps.map((step, i) => [
    String(step),
    Number.isFinite(held.values[i]!) ? formatLoss(held.values[i]!) : "not a number",
    ...names.map((name) => cell(name, step)),
  ]);
  return [["step", "loss", ...names.map((name) => name.slice(5))], ...rows];
}
