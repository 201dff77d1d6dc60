import { batchOrder } from "../../data/batches/batches.ts";
import { mixtureOrder } from "../../data/batches/mixture.ts";
import type { Base } from "../../pretrained/base.ts";
import { countSteps } from "../../training/loop.ts";
import { openObjective } from "../../training/objectives/objectives.ts";
import type { Recipe, SettledRecipe } from "../../training/recipe.ts";
import { rowLengthFor } from "../../training/row_length.ts";
import { isEvaluationDue } from "../../training/schedule.ts";
import type { RunData } from "../prepare_data.ts";
import type { PassSize } from "./pass_cost.ts";
import { forwardPasses, type PassPlan, planPasses } from "./pass_plan.ts";

/** All that a run computes. */
export interface Work {
  steps: number;
  plan: PassPlan;
  largest: PassSize;
  rowLength: number;
  /** The largest pass of each graph without gradients. */
  forward: PassSize[];
  /** Passes of one evaluation, and how many evaluations there are. */
  held: PassSize[];
  evaluations: number;
  /** Passes over all sequences under the reference. */
  reference: PassSize[];
  /** How often a step's passes are run without gradients before they are run with them. */
  looks: number;
}

interface Opened {
  recipe: SettledRecipe;
  base: Base;
  data: RunData;
}

export function planWork({ recipe, base, data }: Opened): Work {
  const { training, shuffle, seed, mixture } = recipe;
  const { train, evaluation, branches, datasets } = data;
  const objective = openObjective(recipe.objective);
  const order = batchOrder(mixtureOrder({ datasets, ...mixture, shuffle, seed }), training.batchSize);
  const steps = countSteps(recipe, order);
  const { maxPositions } = base.model.dimensions;
  const rowLength = rowLengthFor([train, evaluation], { maxPositions, branches });
  const layout = {
    rowLength,
    share: training.neftuneNoiseAlpha === undefined,
    everyToken: objective.readsPrompts === true,
  };
  const plan = planPasses({ ...layout, train, branches, order, steps });
  const largest = largestOf(plan.passes);
  const held = forwardPasses(evaluation, { ...layout, atOnce: Math.max(1, evaluation.length) });
  const reference = objective.usesReference
    ? [train, evaluation].flatMap((store) => forwardPasses(store, { ...layout, atOnce: REFERENCE_AT_ONCE }))
    : [];
  const isRandom = randomIn(recipe);
  const forward = [
    ...(objective.looksFirst ? [largest] : []),
    ...(held.length > 0 && (isRandom || !objective.looksFirst) ? [largestOf(held)] : []),
    ...(reference.length > 0 ? [largestOf(reference)] : []),
  ];
  const every = recipe.evaluation?.every ?? training.evaluateEvery ?? "epoch";
  const due = (step: number) =>
    isEvaluationDue(step, { every, stepsPerEpoch: order.stepsPerEpoch, totalSteps: steps });
  const evaluations =
    held.length > 0 ? Array.from({ length: steps + 1 }, (_, step) => due(step)).filter(Boolean).length : 0;
  const looks = objective.looksFirst ? (objective.mismatches ? 2 : 1) : 0;
  return { steps, plan, largest, rowLength, forward, held, evaluations, reference, looks };
}

const REFERENCE_AT_ONCE = 64; // sequences

const randomIn = ({ adapter, training }: Recipe): boolean =>
  training.neftuneNoiseAlpha !== undefined ||
  (adapter !== undefined && "dropout" in adapter && Number(adapter.dropout) > 0);

const largestOf = <P extends PassSize>(passes: readonly P[]): P =>
  passes.reduce((most, pass) => (pass.T > most.T || (pass.T === most.T && pass.S > most.S) ? pass : most));

const CHOSEN = 40; // passes

/** The median, which warms up, the largest, the median again, then others from the shortest to the longest. */
export function chosenPasses({ passes }: PassPlan, largest: PassSize) {
  const sorted = passes.filter(({ sequences }) => sequences.length > 0).sort((a, b) => a.T - b.T);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  const others = Array.from({ length: CHOSEN }, (_, i) => at(((i * 7) % CHOSEN) / CHOSEN));
  return [at(0.5), sorted.find((pass) => pass === largest) ?? sorted.at(-1)!, at(0.5), ...others];
}
