import { join } from "node:path";
import { type BatchOrder, batchOrder } from "../data/batches/batches.ts";
import { mixtureOrder } from "../data/batches/mixture.ts";
import type { SequenceStore } from "../data/batches/sequence_store.ts";
import { sequencesOf } from "../data/batches/whole_examples.ts";
import { describeOrigin } from "../data/example.ts";
import type { TokenSequence } from "../data/tokenize/token_sequence.ts";
import { appendMetrics, flushMetrics } from "../files/metrics_file.ts";
import { sizeOf } from "../graph/tensor.ts";
import type { HubOptions } from "../hub/options.ts";
import type { HubProgress } from "../hub/progress.ts";
import { modelLayout } from "../models/layout.ts";
import { type Base, openBase } from "../pretrained/base.ts";
import { requireFiniteWeights, spoiledWeight } from "../pretrained/finite_weights.ts";
import { type QuantizeTensorsOptions, quantizeTensors } from "../quantization/quantize_tensors.ts";
import { openSession } from "../runtime/node.ts";
import type { Device } from "../runtime/session.ts";
import { AttuneError } from "../text/errors.ts";
import { dropoutFeeds } from "../training/dropout_words.ts";
import { type Engine, openEngine, type RowFeeds } from "../training/engine.ts";
import type { EndEvent, EvaluationEvent, StartEvent, StepEvent, TrainEvent } from "../training/events.ts";
import { neftuneFeeds } from "../training/neftune.ts";
import { openObjective } from "../training/objectives/objectives.ts";
import { createOptimizer, type Optimizer } from "../training/optimizer.ts";
import { parseRecipe, type Recipe, type RecipeInput, type SettledRecipe } from "../training/recipe.ts";
import { rowLengthFor } from "../training/row_length.ts";
import { isEvaluationDue, learningRateAt } from "../training/schedule.ts";
import { checkMethod, chooseMethod, type RunMethod } from "./choose_method.ts";
import { settleLearningRate } from "./learning_rate.ts";
import { type Origin, originOf, requireSameOrigin } from "./origin.ts";
import { prepareData, type RunData } from "./prepare_data.ts";
import { type ReferenceValues, referenceValues } from "./reference_values.ts";
import { openRunDirectory, type RunDirectory } from "./run_directory.ts";
import { lockRun, type RunLock } from "./run_lock.ts";
import { type RunState, readState, restoreCheckpoint, saveCheckpoint } from "./saving.ts";

export interface TrainOptions {
  /** Ends the run after the step under way, with a checkpoint: the same call later goes on from there. */
  signal?: AbortSignal;
  /** "cpu" when left out. */
  device?: Device;
  /** Threads inside one op; all cores when left out. */
  threads?: number;
  /** Writes a profile by op, `PREFIX_*.json`. */
  profilePrefix?: string;
  /** Hears how far the download of a model or dataset of the hub is. */
  onDownload?: (progress: HubProgress) => void;
  /** Hears now and then how many rows of a dataset are tokenized. */
  onRows?: (rows: number) => void;
  /** Hears how far the work on the base's weights is, where there is any before the first step. */
  onWeights?: (progress: WeightsProgress) => void;
  /** Called while answers are computed under the reference model: how many are done, and of how many. */
  onReference?: (done: number, total: number) => void;
}

export interface WeightsProgress {
  /** Weights are quantized, or an adapter starts from them. */
  work: "quantizing" | "starting";
  done: number;
  total: number;
}

/** A run under way: all that a step needs. */
interface Run {
  recipe: SettledRecipe;
  base: Base;
  directory: RunDirectory;
  lock: RunLock;
  data: RunData;
  method: RunMethod;
  engine: Engine;
  optimizer: Optimizer;
  order: BatchOrder;
  totalSteps: number;
  state: RunState;
  /** Where the objective compares with the model before training. */
  reference?: ReferenceValues;
}

/**
 * Runs a recipe, and tells what happens as it happens. When its output directory holds an unfinished run of the same
 * recipe, goes on from its last checkpoint; the result is bit-equal to an unbroken run.
 * @throws AttuneError that names file, key and way out.
 */
export async function* train(
  input: RecipeInput,
  options: TrainOptions = {},
): AsyncGenerator<TrainEvent, void, undefined> {
  const recipe = parseRecipe(input);
  const lock = await lockRun(recipe.output);
  try {
    yield* lockedRun(recipe, lock, options);
  } finally {
    await lock.release();
  }
}

async function* lockedRun(
  given: Recipe,
  lock: RunLock,
  { signal, onDownload, onRows, onWeights, onReference, ...session }: TrainOptions,
): AsyncGenerator<TrainEvent, void, undefined> {
  const warnings: string[] = [];
  const warn = (message: string) => void warnings.push(message);
  const hub: HubOptions = { signal, onProgress: onDownload, onWarning: warn };
  const weights = given.stage === "pretrain" && !given.adapter ? "optional" : "required";
  const opened = await openBase(given.model, { weights, hub });
  await checkMethod(given, opened, warn);
  await requireFiniteWeights(opened);
  const { recipe, learningRate } = await settleLearningRate(given, opened);
  const directory = await openRunDirectory(recipe);
  warnings.push(...directory.warnings);
  if (recipe.training.evaluateEvery && !recipe.evaluation)
    warn("training.evaluateEvery says nothing here: without evaluation.fraction no example is held out");
  const of = (work: WeightsProgress["work"]) => (done: number, total: number) =>
    onWeights?.({ work, done, total });
  const base = await quantized(opened, recipe, { onWeight: of("quantizing"), warn });
  const data = await prepareData(recipe, base, {
    now: directory.startedAt,
    hub,
    signal,
    strict: "unusable",
    progress: onRows,
    warn,
  });
  try {
    const method = await chooseMethod(recipe, base, of("starting"));
    const optimizer = createOptimizer(method.method.trainables);
    const { state, step } = await restore(directory, method, optimizer, await originOf(recipe, base, data));
    const { maxPositions } = base.model.dimensions;
    const rowLength = rowLengthFor([data.train, data.evaluation], {
      maxPositions,
      branches: data.branches,
    });
    const alpha = recipe.training.neftuneNoiseAlpha;
    const neftune = alpha === undefined ? undefined : { alpha, seed: recipe.seed };
    const { gradientCheckpointing, maxLength } = recipe.training;
    const objective = openObjective(recipe.objective);
    const options = {
      rowLength,
      objective,
      reference: method.reference,
      maxLength,
      neftune,
      gradientCheckpointing,
      session: { device: "cpu", ...session },
    } as const;
    const engine = await openEngine(base.model, method.method, openSession, options);
    try {
      await lock.write(directory.begin);
      const order = orderOf(recipe, data);
      const totalSteps = countSteps(recipe, order);
      const reference = objective.usesReference
        ? await lock.write(() => referenceValues(directory.path, data, engine, onReference))
        : undefined;
      const parts = {
        recipe,
        base,
        directory,
        lock,
        data,
        method,
        engine,
        optimizer,
        order,
        totalSteps,
        state,
      };
      const run = { ...parts, reference };
      yield { ...startEvent(run, base, step), learningRate, warnings };
      yield* steps(run, step, signal);
    } finally {
      await engine.release();
    }
  } finally {
    data.close();
  }
}

/** The base, its linear layers quantized where the recipe says so. */
async function quantized(
  base: Base,
  { quantization }: Recipe,
  options: QuantizeTensorsOptions,
): Promise<Base> {
  if (!quantization) return base;
  const layout = modelLayout(base.model);
  const tensors = await quantizeTensors(base.directory.tensors, layout, quantization, options);
  return { ...base, directory: { ...base.directory, tensors }, unquantized: base.directory.tensors };
}

function orderOf({ mixture, shuffle, seed, training }: Recipe, { datasets }: RunData): BatchOrder {
  return batchOrder(mixtureOrder({ datasets, ...mixture, shuffle, seed }), training.batchSize);
}

/** From after `done` steps to where the run ends: a finished one, started again, takes none. */
async function* steps(run: Run, done: number, signal?: AbortSignal): AsyncGenerator<TrainEvent> {
  const { totalSteps, recipe } = run;
  const { saveEvery } = recipe.training;
  const clock = stepClock(totalSteps);
  let [step, saved] = [done, done];
  if (step === 0 && isEvaluated(run, step) && !signal?.aborted) yield await evaluate(run, step);
  while (step < totalSteps && !outOfPatience(run) && !signal?.aborted) {
    step++;
    yield await trainStep(run, step, clock);
    if (isEvaluated(run, step)) yield await evaluate(run, step);
    if (step % saveEvery === 0) {
      yield await checkpoint(run, step);
      saved = step;
    }
  }
  if (saved < step) yield await checkpoint(run, step);
  yield await end(run, step);
}

function isEvaluated({ recipe, data, order, totalSteps }: Run, step: number): boolean {
  const every = recipe.evaluation?.every ?? recipe.training.evaluateEvery ?? "epoch";
  const { stepsPerEpoch } = order;
  return data.evaluation.length > 0 && isEvaluationDue(step, { every, stepsPerEpoch, totalSteps });
}

const outOfPatience = ({ state, recipe }: Run) =>
  state.evaluationsWithoutGain >= (recipe.evaluation?.patience ?? Number.POSITIVE_INFINITY);

/** One optimizer step: the batch's loss and gradient, then clip and update. */
async function trainStep(run: Run, step: number, clock: StepClock): Promise<StepEvent> {
  const { recipe, engine, optimizer, order, totalSteps } = run;
  const { training } = recipe;
  const started = performance.now();
  const places = sequencesOf(order.at(step).examples, run.data.branches);
  const batch = Array.from(places, (i) => run.data.train.at(i));
  const reference = run.reference && Array.from(places, (i) => run.reference!.train[i]!);
  const result = await engine.gradients(batch, { extra: randomFeeds(run, step), reference });
  const { loss, metrics, broken, gradients, tokens, computedTokens, supervisedTokens } = result;
  const learningRate = learningRateAt(step, { ...training, name: training.schedule, totalSteps });
  const isUpdated = step > 1;
  if (!Number.isFinite(loss)) {
    const examples = await culprits(engine, batch, broken);
    throw await notFinite(run, { step, what: "loss", value: loss, isUpdated }, examples);
  }
  const gradNorm = optimizer.step(gradients, { ...training, step, learningRate });
  if (!Number.isFinite(gradNorm))
    throw await notFinite(run, { step, what: "gradient norm", value: gradNorm, isUpdated }, batch);
  const seconds = (performance.now() - started) / 1000;
  const epoch = step / order.stepsPerEpoch;
  const tokensPerSecond = tokens / seconds;
  const line = {
    step,
    epoch,
    loss,
    learningRate,
    gradNorm,
    tokens,
    computedTokens,
    supervisedTokens,
    seconds,
    tokensPerSecond,
  };
  await run.lock.write(() => appendMetrics(run.directory.metrics, { ...line, ...metrics }));
  return { type: "step", totalSteps, ...line, secondsLeft: clock(step, seconds), metrics };
}

/** What a step's rows are fed for all that is random while training. */
function randomFeeds({ recipe, method }: Run, step: number): RowFeeds {
  const { seed, training } = recipe;
  return (row) => ({
    ...(method.method.dropout > 0 && dropoutFeeds(row, seed, step)),
    ...(training.neftuneNoiseAlpha && neftuneFeeds(row, seed, step)),
  });
}

async function evaluate(run: Run, step: number): Promise<EvaluationEvent> {
  const evaluation = all(run.data.evaluation);
  const reference = run.reference?.evaluation;
  const { loss: evalLoss, metrics, broken } = await run.engine.evaluate(evaluation, { reference });
  if (!Number.isFinite(evalLoss))
    throw await notFinite(
      run,
      { step, what: "evaluation loss", value: evalLoss, isUpdated: step > 0 },
      broken.map((i) => evaluation[i]!),
    );
  const best = step > 0 && evalLoss < (run.state.bestEvalLoss ?? Number.POSITIVE_INFINITY);
  if (best) {
    run.state = { ...run.state, bestEvalLoss: evalLoss, bestStep: step, evaluationsWithoutGain: 0 };
    await run.lock.write(() => run.method.save(bestPath(run)));
  } else if (step > 0) run.state.evaluationsWithoutGain++;
  const epoch = step / run.order.stepsPerEpoch;
  const named = Object.entries(metrics).map(([name, value]) => [`eval_${name}`, value]);
  const values = { step, epoch, evalLoss, ...Object.fromEntries(named) };
  await run.lock.write(() => appendMetrics(run.directory.metrics, values));
  return { type: "evaluation", step, epoch, evalLoss, best, metrics };
}

const bestPath = ({ directory }: Run) => join(directory.path, "best");

async function checkpoint(run: Run, step: number): Promise<TrainEvent> {
  const { directory, method, optimizer, state } = run;
  const path = await run.lock.write(async () => {
    await flushMetrics(directory.metrics);
    return saveCheckpoint(directory.path, step, method.method.trainables, optimizer.moments, state);
  });
  return { type: "checkpoint", step, path };
}

async function end(run: Run, step: number): Promise<EndEvent> {
  const path = await run.lock.write(() => run.method.save(join(run.directory.path, run.method.result)));
  const early = outOfPatience(run) ? "early-stopping" : "stopped";
  const reason = step === run.totalSteps ? "completed" : early;
  const { bestEvalLoss, bestStep } = run.state;
  if (bestEvalLoss === null || bestStep === step) return { type: "end", reason, step, path };
  const best = { path: bestPath(run), step: bestStep, evalLoss: bestEvalLoss };
  return { type: "end", reason, step, path, best };
}

/** The last checkpoint's arrays put in place, or the start of a new run. */
async function restore(
  { path, checkpoint }: RunDirectory,
  { method }: RunMethod,
  { moments }: Optimizer,
  origin: Origin,
): Promise<{ state: RunState; step: number }> {
  if (!checkpoint)
    return { state: { origin, bestEvalLoss: null, bestStep: 0, evaluationsWithoutGain: 0 }, step: 0 };
  const { step } = checkpoint;
  const state = readState(checkpoint);
  requireSameOrigin(state.origin, origin, { path, step });
  await restoreCheckpoint(checkpoint, method.trainables, moments);
  return { state, step };
}

const all = (store: SequenceStore): TokenSequence[] =>
  Array.from({ length: store.length }, (_, i) => store.at(i));

function countSteps({ training }: Recipe, { stepsPerEpoch }: BatchOrder): number {
  return training.maxSteps ?? Math.ceil(training.epochs! * stepsPerEpoch);
}

function startEvent(
  { data, order, totalSteps, method }: Run,
  { model }: Base,
  step: number,
): Omit<StartEvent, "learningRate" | "warnings"> {
  const { parameters } = modelLayout(model);
  return {
    type: "start",
    step,
    totalSteps,
    stepsPerEpoch: order.stepsPerEpoch,
    examples: data.train.length / data.branches,
    evaluationExamples: data.evaluation.length / data.branches,
    trainedParameters: method.method.trainables.reduce((n, { shape }) => n + sizeOf(shape), 0),
    parameters: [...parameters.values()].reduce((n, shape) => n + sizeOf(shape), 0),
    data: data.report,
    duplicates: data.duplicates.count,
  };
}

/** An example that breaks takes those along that share its row: which one it is shows when each is computed alone. */
async function culprits(engine: Engine, batch: readonly TokenSequence[], broken: readonly number[]) {
  const suspects = broken.map((i) => batch[i]!);
  const alone: TokenSequence[] = [];
  for (const suspect of suspects) {
    const { loss } = await engine.evaluate([suspect]);
    if (!Number.isFinite(loss)) alone.push(suspect);
  }
  return alone.length > 0 ? alone : suspects;
}

/** What isn't a number, and whether the step that found it comes after an update. */
interface NotFinite {
  step: number;
  what: string;
  value: number;
  isUpdated: boolean;
}

/** A weight of the base is at fault, or the examples, or, after an update, the learning rate. */
async function notFinite(
  { base }: Run,
  { step, what, value, isUpdated }: NotFinite,
  examples: readonly TokenSequence[],
): Promise<AttuneError> {
  const spoiled = await spoiledWeight(base.directory.tensors.values());
  if (spoiled) return spoiled;
  const shown = examples.slice(0, 5).map(({ origin }) => describeOrigin(origin));
  if (examples.length > shown.length) shown.push(`and ${examples.length - shown.length} more`);
  const at = shown.length > 0 ? `, at ${shown.join(", ")}` : "";
  return new AttuneError({
    code: "run.not-finite",
    place: `step ${step}`,
    problem: `the ${what} is ${value}${at}. Earlier checkpoints and metrics are kept`,
    wayOut: isUpdated
      ? "Lower training.learningRate, or look at these examples"
      : "Look at these examples: the base alone makes this of them",
  });
}

type StepClock = (step: number, seconds: number) => number;

/** Seconds left, from a running mean of the steps' times. */
function stepClock(totalSteps: number): StepClock {
  let mean: number | undefined;
  return (step, seconds) => {
    mean = mean === undefined ? seconds : 0.9 * mean + 0.1 * seconds;
    return (totalSteps - step) * mean;
  };
}
