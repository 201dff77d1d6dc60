import { FRACTIONS } from "../evaluation/score_names.ts";
import { plural } from "../text/format_number.ts";
import { chart, type Series } from "./chart.ts";
import { compareRuns, type RunComparison } from "./comparison.ts";
import { differenceRows, runRows, scoresOfRuns } from "./comparison_rows.ts";
import type { Curve } from "./curve.ts";
import { type Html, html } from "./html.ts";
import { smoothed } from "./losses_of_run.ts";
import { page } from "./page.ts";
import { showNumber, showShare } from "./run_charts.ts";
import type { RunRecord } from "./run_record.ts";
import { tableOf } from "./table.ts";

/**
 * Several runs as one page: a table, and their curves over each other.
 * @param isComparison false of runs that differ by design, such as stages: then no notes say what can't be compared
 */
export function comparisonPage(
  records: readonly RunRecord[],
  title = plural(records.length, "run"),
  isComparison = true,
): string {
  const comparison = compareRuns(records);
  const notes = isComparison ? comparison.notes : [];
  const scores = scoresOfRuns(comparison);
  const differences = differenceRows(comparison);
  return page(
    `${title} · attune`,
    html`<header><h1>${title}</h1></header>
${notes.map((note) => html`<div class="alert mild">${note}</div>`)}
<section aria-labelledby="runs"><h2 id="runs">Side by side</h2>${tableOf(runRows(comparison))}</section>
${scores.length > 0 && html`<section aria-labelledby="scores"><h2 id="scores">Scores</h2>${tableOf(scores, "Of the results on held-out rows; 95% intervals")}</section>`}
<section aria-labelledby="curves"><h2 id="curves">Curves</h2>${charts(records, comparison)}</section>
${differences.length > 0 && html`<section aria-labelledby="settings"><h2 id="settings">Settings that differ</h2>${tableOf(differences)}</section>`}
<footer>Made by attune from the files of ${plural(records.length, "run")}; nothing was loaded from elsewhere.</footer>`,
  );
}

const MOST_CURVES = 16; // of a chart; more can't be told apart

function charts(records: readonly RunRecord[], { runs }: RunComparison): Html {
  const some = records.slice(0, MOST_CURVES);
  const overlaid = (
    title: string,
    curveOf: (curves: RunRecord["history"]["curves"]) => Curve | undefined,
    options: {
      wide?: boolean;
      look?: Series["look"];
      show?: (value: number) => string;
      fromZero?: boolean;
    } = {},
  ) => {
    const series = some.flatMap(({ history }, i): Series[] => {
      const curve = curveOf(history.curves);
      return curve ? [{ name: runs[i]!.name, curve, color: i + 1, look: options.look }] : [];
    });
    return chart({
      title,
      series,
      show: options.show ?? showNumber,
      wide: options.wide,
      fromZero: options.fromZero,
    });
  };
  const scores = new Set(
    some.flatMap(({ history }) => [...history.curves.keys()].filter((name) => name.startsWith("eval_"))),
  );
  return html`<div class="charts">${overlaid("Held-out loss", (curves) => curves.get("evalLoss"), { wide: true, look: "points" })}${overlaid("Training loss, smoothed", (curves) => smoothedAt(curves, "loss"), { wide: true })}${[
    ...scores,
  ]
    .slice(0, MOST_CURVES)
    .map((name) => {
      const isShare = FRACTIONS.has(name.slice(5)) || name.endsWith("/accuracies");
      return overlaid(name.slice(5), (curves) => curves.get(name), {
        look: "points",
        ...(isShare && { show: showShare, fromZero: true }),
      });
    })}${overlaid("Gradient norm before clipping", (curves) => curves.get("gradNorm"), { fromZero: true })}${overlaid("Learning rate", (curves) => curves.get("learningRate"), { fromZero: true })}${overlaid("Tokens a second", (curves) => curves.get("tokensPerSecond"), { fromZero: true })}</div>
${records.length > MOST_CURVES && html`<p class="note">The first ${MOST_CURVES} runs are drawn.</p>`}`;
}

function smoothedAt(curves: RunRecord["history"]["curves"], name: string): Curve | undefined {
  const curve = curves.get(name);
  return curve && smoothed(curve);
}
