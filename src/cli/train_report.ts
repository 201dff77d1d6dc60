import { join } from "node:path";
import { styleText } from "node:util";
import type { EndEvent, EvaluationEvent, StartEvent, StepEvent, TrainEvent } from "../training/events.ts";
import type { Recipe } from "../training/recipe.ts";
import { formatCount, formatDuration, formatLoss, shellWord } from "./format.ts";
import { readLosses } from "./losses.ts";
import type { Screen } from "./screen.ts";
import { smoother } from "./smooth.ts";
import { stepBar, stepLine, stepStatus } from "./step_status.ts";
import { headerLine, trainHeader } from "./train_header.ts";

/** Tells on the screen what a run says of itself. */
export function trainReport(recipe: Recipe, screen: Screen): (event: TrainEvent) => void {
  const started = performance.now();
  const elapsed = () => (performance.now() - started) / 1000;
  const tellStep = stepTeller(screen);
  screen.show(() => `opening ${recipe.model} and the data …`);
  return (event) => {
    if (event.type === "start") tellStart(recipe, screen, event);
    else if (event.type === "step") tellStep(event);
    else if (event.type === "evaluation") screen.print(evaluationLine(event));
    else if (event.type === "checkpoint")
      screen.print(styleText("dim", `step ${event.step}  saved ${event.path}`));
    else tellEnd(recipe, screen, event, elapsed());
  };
}

function tellStart(recipe: Recipe, screen: Screen, start: StartEvent): void {
  screen.print(`${trainHeader(recipe, start)}\n`);
  if (start.step >= start.totalSteps) return;
  const began = performance.now();
  screen.show(
    () =>
      `step ${start.step + 1}/${start.totalSteps} … ${formatDuration((performance.now() - began) / 1000)}`,
  );
}

const LOG_EVERY = 10_000; // ms

/** On a terminal a bar that keeps moving; in a log the first step, the last, and one in ten seconds. */
function stepTeller(screen: Screen): (event: StepEvent) => void {
  const [smoothLoss, smoothSpeed] = [smoother(), smoother()];
  let logged = Number.NEGATIVE_INFINITY;
  return (event) => {
    const status = stepStatus(event, smoothLoss(event.loss), smoothSpeed(event.tokensPerSecond));
    const now = performance.now();
    screen.show((columns) => {
      const since = (performance.now() - now) / 1000;
      return stepBar({ ...status, secondsLeft: status.secondsLeft - since }, columns);
    });
    if (screen.live || (now - logged < LOG_EVERY && event.step < event.totalSteps)) return;
    screen.print(stepLine(status));
    logged = now;
  };
}

const evaluationLine = ({ step, epoch, evalLoss, best }: EvaluationEvent): string =>
  `step ${step}  epoch ${epoch.toFixed(2)}  evaluation loss ${formatLoss(evalLoss)}${best ? styleText("green", "  best so far") : ""}`;

function tellEnd(recipe: Recipe, screen: Screen, end: EndEvent, seconds: number): void {
  screen.clear();
  const { training, evaluation } = readLosses(join(recipe.output, "metrics.jsonl"));
  const lines = [`\n${REASONS[end.reason]} after ${formatCount(end.step)} steps, ${formatDuration(seconds)}`];
  if (training.length > 0) lines.push(...summary(recipe, training, evaluation));
  lines.push(headerLine(recipe.adapter ? "adapter" : "model", end.path));
  lines.push(headerLine(end.reason === "stopped" ? "go on" : "next", nextCommand(recipe, end)));
  screen.print(lines.join("\n"));
}

const REASONS: Record<EndEvent["reason"], string> = {
  completed: "done",
  "early-stopping": "evaluations stopped getting better: done",
  stopped: "stopped",
};

type Losses = { step: number; loss: number }[];

function summary({ output }: Recipe, training: Losses, evaluation: Losses): string[] {
  const [smooth, first] = [smoother(), training[0]!.loss];
  const last = training.map(({ loss }) => smooth(loss)).at(-1)!;
  const lines = [headerLine("loss", `${formatLoss(first)} → ${formatLoss(last)}`)];
  if (evaluation.length === 0) return lines;
  const best = evaluation.reduce((a, b) => (b.loss < a.loss ? b : a));
  const kept = `best ${formatLoss(best.loss)} at step ${best.step}, in ${join(output, "best")}`;
  return [
    ...lines,
    headerLine(
      "held out",
      `${formatLoss(evaluation[0]!.loss)} → ${formatLoss(evaluation.at(-1)!.loss)}; ${kept}`,
    ),
  ];
}

/** What one would want to do now. */
function nextCommand(recipe: Recipe, { reason, path }: EndEvent): string {
  if (reason === "stopped") return "run the same command again";
  const template = templateOption(recipe);
  if (!recipe.adapter) return `attune chat --model ${shellWord(path)}${template}`;
  return `attune chat --model ${shellWord(recipe.model)} --adapter ${shellWord(path)}${template}`;
}

/** Who was trained on one template should be asked in it. */
function templateOption({ stage, template }: Recipe): string {
  if (stage === "pretrain") return " --template none";
  return template === "alpaca" ? " --template alpaca" : "";
}
