import type { BatchOrder } from "../data/batches/batches.ts";
import { sizeOf } from "../graph/tensor.ts";
import { modelLayout } from "../models/layout.ts";
import type { Base } from "../pretrained/base.ts";
import type { StartEvent } from "../training/events.ts";
import { countSteps, type Progress, START } from "../training/loop.ts";
import type { Method } from "../training/method.ts";
import type { SettledRecipe } from "../training/recipe.ts";
import type { RunData } from "./prepare_data.ts";

interface Start {
  recipe: SettledRecipe;
  base: Base;
  data: Pick<RunData, "train" | "evaluation" | "branches" | "report" | "duplicates">;
  method: Method;
  order: BatchOrder;
  /** The start when left out. */
  from?: Progress;
}

/** What a run is, before its first step. */
export function startEvent({
  recipe,
  base,
  data,
  method,
  order,
  from = START,
}: Start): Omit<StartEvent, "learningRate" | "warnings"> {
  const { parameters } = modelLayout(base.model);
  const total = (shapes: Iterable<readonly (number | string)[]>) =>
    [...shapes].reduce((n, shape) => n + sizeOf(shape), 0);
  return {
    type: "start",
    step: from.step,
    totalSteps: countSteps(recipe, order),
    stepsPerEpoch: order.stepsPerEpoch,
    examples: data.train.length / data.branches,
    evaluationExamples: data.evaluation.length / data.branches,
    trainedParameters: total(method.trainables.map(({ shape }) => shape)),
    parameters: total(parameters.values()),
    data: data.report,
    duplicates: data.duplicates.count,
  };
}
