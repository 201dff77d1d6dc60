import type { BatchOrder } from "../data/batches/batches.ts";
import { type SequenceStore, wholeStore } from "../data/batches/sequence_store.ts";
import { sequencesOf } from "../data/batches/whole_examples.ts";
import type { TokenSequence } from "../data/tokenize/token_sequence.ts";
import type { AttuneError } from "../text/errors.ts";
import type { BatchLoss, BatchOptions, RowFeeds } from "./engine.ts";
import type { CheckpointEvent, EvaluationEvent, StepEvent } from "./events.ts";
import { interrupted, isRuntimeFault } from "./interrupted.ts";
import { isSkipped, type LossScale, type RunningScale, scaleMetrics } from "./loss_scale.ts";
import { culprits, notFinite } from "./not_finite.ts";
import type { OptimizerStep } from "./optimizer.ts";
import type { SettledRecipe } from "./recipe.ts";
import { isEvaluationDue, learningRateAt } from "./schedule.ts";
import { type StepClock, stepClock } from "./step_clock.ts";

/** What the loop asks of an engine. `G` is gradients as its optimizer takes them: in memory, or on a device. */
export interface LoopEngine<G> {
  gradients(batch: readonly TokenSequence[], options: BatchOptions): Promise<BatchLoss & { gradients: G }>;
  evaluate(batch: readonly TokenSequence[], options?: Pick<BatchOptions, "reference">): Promise<BatchLoss>;
}

export interface LoopOptimizer<G> {
  /** Clips, then updates what is trained. Gives back the gradient's norm before clipping. */
  step(gradients: G, options: OptimizerStep): number | Promise<number>;
  /** Where losses are scaled: of a gradient that isn't finite nothing was updated, and a smaller scale comes next. */
  readonly lossScale?: RunningScale;
}

export interface LoopData {
  /** Sequences; those of an example follow each other. */
  train: SequenceStore;
  /** Held out; none where nothing is evaluated. */
  evaluation: SequenceStore;
  /** Sequences of an example: a pair of answers has two. */
  branches: number;
  /** Of each sequence, where the objective compares with the model before training. */
  reference?: { train: ArrayLike<number>; evaluation: ArrayLike<number> };
}

/** Where a run is. With what is trained and the optimizer's moments it is all that going on needs. */
export interface Progress {
  /** The last one done; 0 before the first. */
  step: number;
  bestEvalLoss: number | null;
  bestStep: number;
  evaluationsWithoutGain: number;
  /** Where losses are scaled. */
  lossScale?: LossScale;
}

export const START: Progress = { step: 0, bestEvalLoss: null, bestStep: 0, evaluationsWithoutGain: 0 };

/** Where a run's results go, and what else joins in. What is left out isn't done. */
export interface LoopPorts {
  /** Takes a line of metrics. */
  metrics?(line: { step: number } & Record<string, number>): Promise<void>;
  /** Keeps what is trained, the moments and this progress. @returns where */
  checkpoint?(progress: Progress): Promise<string>;
  /** Keeps what is trained: the held-out loss has never been lower. */
  best?(step: number): Promise<void>;
  /** Measures more than the held-out loss, whenever that is due: figures by name, for the metrics and the event. */
  evaluation?(step: number): Promise<Record<string, number>>;
  /** Whether to end after the step under way; what `signal` says when left out. Asked as often at every rank. */
  isStopped?(): Promise<boolean>;
  /** Told after each step where its time went. */
  times?(times: StepTimes): void;
  /** Looks for a reason in the weights when a loss is not a number. */
  spoiledWeight?(): Promise<AttuneError | undefined>;
}

/** Seconds of a step's parts: taking rows, passes over them, clipping and update, metrics. */
export interface StepTimes {
  data: number;
  passes: number;
  optimizer: number;
  reporting: number;
}

export interface LoopOptions<G> {
  recipe: Pick<SettledRecipe, "training" | "evaluation">;
  data: LoopData;
  engine: LoopEngine<G>;
  optimizer: LoopOptimizer<G>;
  order: BatchOrder;
  /** What a step's rows are fed for all that is random. */
  randomFeeds?: (step: number) => RowFeeds;
  ports?: LoopPorts;
  /** Where to go on from; the start when left out. */
  from?: Progress;
  /** Ends the loop after the step under way. */
  signal?: AbortSignal;
}

export type LoopEvent = StepEvent | EvaluationEvent | CheckpointEvent;

export interface LoopEnd {
  reason: "completed" | "early-stopping" | "stopped";
  step: number;
  /** Where the held-out loss was lowest, if that was at an earlier step. */
  best?: { step: number; evalLoss: number };
}

/** A loop under way. */
interface Loop<G> extends LoopOptions<G> {
  ports: LoopPorts;
  totalSteps: number;
  clock: StepClock;
  progress: Progress;
  /** Whether what is trained is between two steps. */
  isUpdating: boolean;
}

/** Steps that the recipe asks for. */
export const countSteps = ({ training }: LoopOptions<unknown>["recipe"], { stepsPerEpoch }: BatchOrder) =>
  training.maxSteps ?? Math.ceil(training.epochs! * stepsPerEpoch);

/**
 * Trains from `from` to where the recipe ends, and yields what happens. It touches no disk: what is kept goes through the
 * ports. A run that was over takes no step.
 * @throws AttuneError when a loss or gradient is not a number, naming examples and way out; and when the runtime fails, with
 * the step that the run is kept at
 */
export async function* trainingLoop<G>(options: LoopOptions<G>): AsyncGenerator<LoopEvent, LoopEnd> {
  const { recipe, order, from = START, ports = {} } = options;
  const totalSteps = countSteps(recipe, order);
  const clock = stepClock(totalSteps);
  const loop: Loop<G> = { ...options, ports, totalSteps, clock, progress: from, isUpdating: false };
  let saved = from.step;
  if (from.step === 0 && isEvaluated(loop) && !(await isStopped(loop))) yield await evaluate(loop);
  while (loop.progress.step < totalSteps && !outOfPatience(loop) && !(await isStopped(loop))) {
    try {
      yield await trainStep(loop);
    } catch (error) {
      throw isRuntimeFault(error) ? yield* rescued(loop, saved, error) : error;
    }
    if (isEvaluated(loop)) yield await evaluate(loop);
    const { step } = loop.progress;
    if (step % recipe.training.saveEvery !== 0) continue;
    yield* checkpoint(loop);
    saved = step;
  }
  if (saved < loop.progress.step) yield* checkpoint(loop);
  return end(loop);
}

function isEvaluated<G>({ recipe, data, order, totalSteps, progress }: Loop<G>): boolean {
  const every = recipe.evaluation?.every ?? recipe.training.evaluateEvery ?? "epoch";
  const { stepsPerEpoch } = order;
  return data.evaluation.length > 0 && isEvaluationDue(progress.step, { every, stepsPerEpoch, totalSteps });
}

const isStopped = async <G>({ ports, signal }: Loop<G>): Promise<boolean> =>
  ports.isStopped ? ports.isStopped() : signal?.aborted === true;

const outOfPatience = <G>({ progress, recipe }: Loop<G>) =>
  progress.evaluationsWithoutGain >= (recipe.evaluation?.patience ?? Number.POSITIVE_INFINITY);

/** One optimizer step: the batch's loss and gradient, then clip and update. */
async function trainStep<G>(loop: Loop<G>): Promise<StepEvent> {
  const { recipe, data, engine, optimizer, order, totalSteps, randomFeeds } = loop;
  const { training } = recipe;
  const step = loop.progress.step + 1;
  const started = performance.now();
  const places = sequencesOf(order.at(step).examples, data.branches);
  const batch = Array.from(places, (i) => data.train.at(i));
  const reference = data.reference && Array.from(places, (i) => data.reference!.train[i]!);
  const taken = performance.now();
  const result = await engine.gradients(batch, { extra: randomFeeds?.(step), reference });
  const { loss, metrics, broken, gradients, tokens, computedTokens, supervisedTokens } = result;
  const learningRate = learningRateAt(step, { ...training, name: training.schedule, totalSteps });
  const { lossScale } = optimizer;
  const inHalf = lossScale !== undefined;
  const fault = { step, isUpdated: step > 1, spoiledWeight: loop.ports.spoiledWeight, inHalf };
  if (!Number.isFinite(loss))
    throw await notFinite({ ...fault, what: "loss", value: loss }, await culprits(engine, batch, broken));
  const computed = performance.now();
  loop.isUpdating = true;
  const norm = await optimizer.step(gradients, { ...training, step, learningRate });
  loop.isUpdating = false;
  const isUpdated = Number.isFinite(norm);
  if (!isUpdated && !isSkipped(lossScale))
    throw await notFinite({ ...fault, what: "gradient norm", value: norm }, batch);
  const updated = performance.now();
  const seconds = (updated - started) / 1000;
  const line = {
    step,
    epoch: step / order.stepsPerEpoch,
    loss,
    learningRate,
    gradNorm: isUpdated ? norm : 0,
    tokens,
    computedTokens,
    supervisedTokens,
    seconds,
    tokensPerSecond: tokens / seconds,
  };
  loop.progress = { ...loop.progress, step, ...(lossScale && { lossScale: lossScale.now() }) };
  const measured = { ...metrics, ...scaleMetrics(lossScale) };
  await loop.ports.metrics?.({ ...line, ...measured });
  const lap = (from: number, to: number) => (to - from) / 1000;
  loop.ports.times?.({
    ...{ data: lap(started, taken), passes: lap(taken, computed), optimizer: lap(computed, updated) },
    reporting: lap(updated, performance.now()),
  });
  return { type: "step", totalSteps, ...line, secondsLeft: loop.clock(step, seconds), metrics: measured };
}

async function evaluate<G>(loop: Loop<G>): Promise<EvaluationEvent> {
  const { data, engine, order, ports } = loop;
  const { step } = loop.progress;
  const held = wholeStore(data.evaluation);
  const result = await engine.evaluate(held, { reference: data.reference?.evaluation });
  const { loss: evalLoss, broken } = result;
  if (!Number.isFinite(evalLoss))
    throw await notFinite(
      {
        step,
        what: "evaluation loss",
        value: evalLoss,
        isUpdated: step > 0,
        spoiledWeight: ports.spoiledWeight,
      },
      broken.map((i) => held[i]!),
    );
  const best = await weighProgress(loop, evalLoss);
  const metrics = { ...result.metrics, ...(await ports.evaluation?.(step)) };
  const epoch = step / order.stepsPerEpoch;
  const named = Object.entries(metrics).map(([name, value]) => [`eval_${name}`, value]);
  await ports.metrics?.({ step, epoch, evalLoss, ...Object.fromEntries(named) });
  return { type: "evaluation", step, epoch, evalLoss, best, metrics };
}

/** Whether this loss is the lowest after any step; before the first step nothing is. */
async function weighProgress<G>(loop: Loop<G>, evalLoss: number): Promise<boolean> {
  const { progress, ports } = loop;
  const { step, bestEvalLoss, evaluationsWithoutGain } = progress;
  if (step === 0) return false;
  if (evalLoss < (bestEvalLoss ?? Number.POSITIVE_INFINITY)) {
    loop.progress = { ...progress, bestEvalLoss: evalLoss, bestStep: step, evaluationsWithoutGain: 0 };
    await ports.best?.(step);
    return true;
  }
  loop.progress = { ...progress, evaluationsWithoutGain: evaluationsWithoutGain + 1 };
  return false;
}

async function* checkpoint<G>({ ports, progress }: Loop<G>): AsyncGenerator<CheckpointEvent> {
  if (ports.checkpoint)
    yield { type: "checkpoint", step: progress.step, path: await ports.checkpoint(progress) };
}

/**
 * What is kept of a run whose runtime failed: all steps before this one where they can still be read, else the last checkpoint.
 * A device that is lost takes along what lay there.
 */
async function* rescued<G>(
  loop: Loop<G>,
  saved: number,
  error: AttuneError,
): AsyncGenerator<CheckpointEvent, AttuneError> {
  const { progress, ports, isUpdating } = loop;
  const failed = progress.step + 1;
  if (isUpdating || saved === progress.step || !ports.checkpoint) return interrupted(error, failed, saved);
  try {
    yield* checkpoint(loop);
    return interrupted(error, failed, progress.step);
  } catch {
    return interrupted(error, failed, saved);
  }
}

function end<G>(loop: Loop<G>): LoopEnd {
  const { step, bestEvalLoss, bestStep } = loop.progress;
  const early = outOfPatience(loop) ? "early-stopping" : "stopped";
  const reason = step === loop.totalSteps ? "completed" : early;
  if (bestEvalLoss === null || bestStep === step) return { reason, step };
  return { reason, step, best: { step: bestStep, evalLoss: bestEvalLoss } };
}
