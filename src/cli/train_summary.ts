import { join } from "node:path";
import { smoother } from "../math/smooth.ts";
import type { EndEvent } from "../training/events.ts";
import type { Recipe } from "../training/recipe.ts";
import { attuneCommand } from "./attune_command.ts";
import { formatCount, formatDuration, formatLoss, formatPercent, plural } from "./format.ts";
import { type LossAt, readLosses, readTokens } from "./losses.ts";
import { plotLoss } from "./plot_loss.ts";
import { headerLine } from "./train_header.ts";

const CURVE_FROM = 10; // steps; fewer make no curve

/** What a run came to: losses, their curve, where the result is and what one can do with it. */
export function trainSummary(recipe: Recipe, end: EndEvent, seconds: number): string {
  const { training, evaluation } = readLosses(join(recipe.output, "metrics.jsonl"));
  const lines = [`\n${REASONS[end.reason]} after ${plural(end.step, "step")}, ${formatDuration(seconds)}`];
  if (training.length > 0) lines.push(...summary(recipe, training, evaluation));
  lines.push(...sharing(recipe));
  if (training.length >= CURVE_FROM) lines.push("", plotLoss(training.map(({ loss }) => loss)), "");
  lines.push(headerLine(recipe.adapter ? "adapter" : "model", end.path));
  const next = nextCommand(recipe, end.reason, evaluation);
  lines.push(headerLine(end.reason === "stopped" ? "go on" : "next", next));
  return lines.join("\n");
}

const REASONS: Record<EndEvent["reason"], string> = {
  completed: "done",
  "early-stopping": "evaluations stopped getting better: done",
  stopped: "stopped",
};

function summary({ output }: Recipe, training: readonly LossAt[], evaluation: readonly LossAt[]): string[] {
  const [smooth, first] = [smoother(), training[0]!.loss];
  const last = training.map(({ loss }) => smooth(loss)).at(-1)!;
  const lines = [headerLine("loss", `${formatLoss(first)} → ${formatLoss(last)}`)];
  if (evaluation.length === 0) return lines;
  const best = bestOf(evaluation);
  if (!best) return lines;
  const kept = `best ${formatLoss(best.loss)} at step ${best.step}, in ${join(output, "best")}`;
  return [
    ...lines,
    headerLine(
      "held out",
      `${formatLoss(evaluation[0]!.loss)} → ${formatLoss(evaluation.at(-1)!.loss)}; ${kept}`,
    ),
  ];
}

/** Nothing is kept of the evaluation before the first step. */
const bestOf = (evaluation: readonly LossAt[]): LossAt | undefined =>
  evaluation
    .filter(({ step }) => step > 0)
    .reduce<LossAt | undefined>((a, b) => (a && a.loss <= b.loss ? a : b), undefined);

/** What examples of a step began with alike, and was computed once. */
function sharing({ output }: Recipe): string[] {
  const { tokens, computedTokens } = readTokens(join(output, "metrics.jsonl"));
  if (computedTokens >= tokens) return [];
  const saved = formatPercent(1 - computedTokens / tokens);
  return [
    headerLine(
      "shared",
      `${formatCount(computedTokens)} of ${formatCount(tokens)} tokens computed, ${saved} less`,
    ),
  ];
}

/** What one would want to do now: talk to the run's result, or to the best of it, where that came before. */
function nextCommand({ output }: Recipe, reason: EndEvent["reason"], evaluation: readonly LossAt[]): string {
  if (reason === "stopped") return "run the same command again";
  const last = evaluation.at(-1);
  const best = bestOf(evaluation);
  const isBestBetter = best !== undefined && best.loss < last!.loss;
  return attuneCommand(["chat", isBestBetter ? join(output, "best") : output]);
}
