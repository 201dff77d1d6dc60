import { styleText } from "node:util";
import { showValue } from "../evaluation/report/cells.ts";
import { cutTo } from "../evaluation/report/columns.ts";
import { smoother } from "../math/smooth.ts";
import type {
  EvaluationEvent,
  EvaluationSample,
  StartEvent,
  StepEvent,
  TrainEvent,
} from "../training/events.ts";
import type { Recipe } from "../training/recipe.ts";
import { forTerminal } from "./failure.ts";
import { formatDuration, formatLoss } from "./format.ts";
import type { Screen } from "./screen.ts";
import { stepBar, stepLine, stepStatus } from "./step_status.ts";
import { trainHeader } from "./train_header.ts";

/** Tells on the screen how a run goes, up to its end. */
export function trainProgress(recipe: Recipe, screen: Screen): (event: TrainEvent) => void {
  const tellStep = stepTeller(screen);
  screen.show(() => `opening ${recipe.model} and the data …`);
  let start: StartEvent;
  return (event) => {
    if (event.type === "start") {
      start = event;
      tellStart(recipe, screen, event);
    } else if (event.type === "step") tellStep(event);
    else if (event.type === "evaluation") {
      screen.print(evaluationLine(event));
      if (event.step === 0) tellFirstStep(screen, start);
    } else if (event.type === "checkpoint")
      screen.print(styleText("dim", `step ${event.step}  saved ${event.path}`));
    else if (event.type === "warning") screen.print(forTerminal(`warning: ${event.message}`));
    else screen.clear();
  };
}

/** The same below a title, of one of several runs. */
export function runTeller(recipe: Recipe, screen: Screen, title?: string): (event: TrainEvent) => void {
  if (title !== undefined) screen.print(`\n${styleText("bold", title)}`);
  return trainProgress(recipe, screen);
}

function tellStart(recipe: Recipe, screen: Screen, start: StartEvent): void {
  screen.print(`${trainHeader(recipe, start)}\n`);
  if (start.step === 0 && start.evaluationExamples > 0)
    screen.show(timed("evaluating before the first step …"));
  else tellFirstStep(screen, start);
}

function tellFirstStep(screen: Screen, { step, totalSteps }: StartEvent): void {
  if (step < totalSteps) screen.show(timed(`step ${step + 1}/${totalSteps} …`));
}

/** `text`, and for how long it has been so. */
function timed(text: string): () => string {
  const began = performance.now();
  return () => `${text} ${formatDuration((performance.now() - began) / 1000)}`;
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

function evaluationLine({
  step,
  epoch,
  evalLoss,
  best,
  metrics,
  samples = [],
  notes = [],
}: EvaluationEvent): string {
  const remark = best ? styleText("green", "  best so far") : step === 0 ? "  before training" : "";
  const line = `step ${step}  epoch ${epoch.toFixed(2)}  evaluation loss ${formatLoss(evalLoss)}${remark}`;
  if (samples.length === 0) return line;
  const scores = Object.entries(metrics).map(([name, value]) => `${name} ${showValue(name, value)}`);
  const shown = samples.slice(0, SHOWN_ANSWERS).map(answerLine);
  return [
    line,
    styleText("dim", `  ${scores.join("  ")}`),
    ...shown,
    ...notes.map((note) => `  note: ${forTerminal(note)}`),
  ].join("\n");
}

const SHOWN_ANSWERS = 3;
const WIDTH = 72; // columns

/** A held-out question, what it was answered, and what would be right. */
function answerLine({ question, tuned = "", references: [right] }: EvaluationSample): string {
  const wanted =
    right === undefined ? "" : styleText("dim", `  right: ${cutTo(forTerminal(right), WIDTH / 2)}`);
  return `  ${styleText("dim", cutTo(forTerminal(question), WIDTH))}\n    ${cutTo(forTerminal(tuned), WIDTH / 2)}${wanted}`;
}
