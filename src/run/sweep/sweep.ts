import { join } from "node:path";
import { writeFileAtomic } from "../../files/atomic.ts";
import { comparisonPage } from "../../report/comparison_page.ts";
import { heldOutLosses } from "../../report/losses_of_run.ts";
import { AttuneError } from "../../text/errors.ts";
import { groupBy } from "../../text/group_by.ts";
import type { TrainEvent } from "../../training/events.ts";
import { type Recipe, storedRecipe } from "../../training/recipe.ts";
import { readRun } from "../read_run.ts";
import { REPORT_FILE } from "../run_directory.ts";
import { lockRun } from "../run_lock.ts";
import { type TrainOptions, train } from "../train.ts";
import type { TrialValues } from "./plan.ts";
import { readSweep, type Trial, writeSweep } from "./state.ts";

export interface SweepOptions extends TrainOptions {
  output: string;
  trials: readonly TrialValues[];
  /** The recipe with a trial's values. @throws AttuneError when it is none. */
  recipeOf(values: TrialValues, output: string): Recipe;
  /** Stops bad trials early; true when left out. */
  stopEarly?: boolean;
}

export interface TrialEvent {
  type: "trial";
  trial: Trial;
  /** What is trained now. */
  recipe: Recipe;
  trials: number;
  /** Share of its steps that it is trained to. */
  share: number;
}

export interface SweepResult {
  /** The best first. */
  trials: Trial[];
  /** What the best have in common: a mean over seeds counts, where there are several. */
  best: { values: TrialValues; loss: number };
}

const KEPT = 3; // one in so many goes on from a rung to the next (Jamieson & Talwalkar 2016, successive halving)

/**
 * Trains a recipe with each of the trials' values, all to a share of their steps first, and the best of them on from there. The same
 * call later goes on where it was.
 * @returns undefined when it was stopped
 * @throws AttuneError before anything is trained when one of the recipes is none, or when all trials failed.
 */
export async function* sweep(
  options: SweepOptions,
): AsyncGenerator<TrainEvent | TrialEvent, SweepResult | undefined> {
  const { output } = options;
  const recipes = options.trials.map((values) => options.recipeOf(values, output));
  requireHeldOutLoss(recipes[0]!);
  const lock = await lockRun(output);
  try {
    return yield* lockedSweep(options, JSON.stringify(recipes.map(storedRecipe)));
  } finally {
    await lock.release();
  }
}

async function* lockedSweep(
  options: SweepOptions,
  asked: string,
): AsyncGenerator<TrainEvent | TrialEvent, SweepResult | undefined> {
  const { output, signal, stopEarly = true } = options;
  const trials = await readSweep(output, options.trials, asked);
  const save = () => writeSweep(output, trials, asked);
  await save();
  const settings = groupsOf(trials).length;
  const shares = stopEarly ? rungShares(settings) : [1];
  for (const [i, share] of shares.entries()) {
    for (const trial of trials.filter(({ state, rungs }) => state === "open" && rungs <= i)) {
      yield* trainTrial(trial, share, options, trials.length);
      if (signal?.aborted) return undefined;
      trial.rungs = i + 1;
      if (share === 1 && trial.state === "open") trial.state = "finished";
      await save();
    }
    if (share < 1) dropWorst(trials, Math.ceil(settings / KEPT ** (i + 1)));
    await save();
  }
  const result = resultOf(trials);
  const runs = await Promise.all(
    result.trials.map(({ name }) => readRun(trialPath(output, name)).catch(() => undefined)),
  );
  const page = comparisonPage(
    runs.filter((run) => run !== undefined),
    "Sweep, the best first",
  );
  await writeFileAtomic(join(output, REPORT_FILE), page);
  return result;
}

export const trialPath = (output: string, name: string): string => join(output, "trials", name);

/** So many rungs that at least one trial is left at the last: [1/9, 1/3, 1] for nine trials and more. */
function rungShares(trials: number): number[] {
  const rungs = Math.min(3, Math.floor(Math.log(Math.max(1, trials)) / Math.log(KEPT) + 1e-9) + 1);
  return Array.from({ length: rungs }, (_, i) => KEPT ** (i - rungs + 1));
}

/** Trains up to the first evaluation at or behind `share` of the steps. A trial whose loss is no number has failed. */
async function* trainTrial(
  trial: Trial,
  share: number,
  options: SweepOptions,
  trials: number,
): AsyncGenerator<TrainEvent | TrialEvent> {
  const path = trialPath(options.output, trial.name);
  const recipe = options.recipeOf(trial.values, path);
  const enough = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, enough.signal]) : enough.signal;
  yield { type: "trial", trial, recipe, trials, share };
  let total = Number.POSITIVE_INFINITY;
  try {
    for await (const event of train(recipe, { ...options, signal })) {
      if (event.type === "start") total = event.totalSteps;
      if (event.type === "evaluation" && event.step > 0 && event.step < total && event.step >= share * total)
        enough.abort();
      yield event;
    }
  } catch (error) {
    if (!(error instanceof AttuneError) || error.code !== "training.not-finite") throw error;
    trial.state = "failed";
    trial.problem = error.message;
  }
  if (options.signal?.aborted) return;
  const { history } = await readRun(path);
  trial.step = history.step;
  trial.loss = heldOutLosses(history).best?.loss;
}

/** Trials that differ in their seed alone are one: what counts is the mean of their losses. */
const groupsOf = (trials: readonly Trial[]): Trial[][] => [
  ...groupBy(trials, ({ values: { seed: _, ...others } }) => JSON.stringify(others)).values(),
];

function meanLoss(group: readonly Trial[]): number {
  if (group.some(({ state, loss }) => state === "failed" || loss === undefined))
    return Number.POSITIVE_INFINITY;
  return group.reduce((sum, { loss }) => sum + loss!, 0) / group.length;
}

/** Leaves so many settings in; where no more are left, as after a resume, nothing happens. */
function dropWorst(trials: readonly Trial[], kept: number): void {
  const isIn = (group: readonly Trial[]) => group.some(({ state }) => state === "open");
  const groups = groupsOf(trials)
    .filter(isIn)
    .sort((a, b) => meanLoss(a) - meanLoss(b));
  for (const group of groups.slice(kept))
    for (const trial of group) if (trial.state === "open") trial.state = "dropped";
}

function resultOf(trials: readonly Trial[]): SweepResult {
  const isFinished = (group: readonly Trial[]) => group.every(({ state }) => state === "finished");
  const rank = (group: readonly Trial[]) => [Number(!isFinished(group)), meanLoss(group)] as const;
  const groups = groupsOf(trials).sort((a, b) => rank(a)[0] - rank(b)[0] || rank(a)[1] - rank(b)[1]);
  const [best] = groups;
  if (!best || meanLoss(best) === Number.POSITIVE_INFINITY)
    throw new AttuneError({
      code: "run.all-trials-failed",
      place: "sweep",
      problem: `none of ${trials.length} trials has a held-out loss`,
      got: trials.find(({ problem }) => problem !== undefined)?.problem,
      wayOut: "Try lower learning rates",
    });
  const { seed, ...values } = best[0]!.values;
  const shared = best.length === 1 && seed !== undefined ? { seed } : {};
  return { trials: groups.flat(), best: { values: { ...values, ...shared }, loss: meanLoss(best) } };
}

function requireHeldOutLoss({ evaluation }: Recipe): void {
  if (evaluation) return;
  throw new AttuneError({
    code: "run.sweep-without-evaluation",
    place: "recipe: evaluation",
    problem: "without held-out rows nothing says which settings are better",
    wayOut: "Hold some out: evaluation: { fraction: 0.1 }",
  });
}
