import type { EvaluationEvent, StepEvent } from "../training/events.ts";

/** Figures of a step or an evaluation, by the names that trackers show: `train/loss`, `eval/exactMatch`. */
export function figuresOf(event: StepEvent | EvaluationEvent): [name: string, value: number][] {
  if (event.type === "evaluation") return [["eval/loss", event.evalLoss], ...named("eval", event.metrics)];
  const { loss, learningRate, gradNorm, epoch, tokensPerSecond, metrics } = event;
  return named("train", { loss, learningRate, gradNorm, epoch, tokensPerSecond, ...metrics });
}

const named = (kind: string, values: Record<string, number>): [string, number][] =>
  Object.entries(values).map(([name, value]) => [`${kind}/${name}`, value]);
