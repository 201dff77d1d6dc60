import { cpus } from "node:os";
import { join } from "node:path";
import type { HubOptions } from "../hub/options.ts";
import type { HubProgress } from "../hub/progress.ts";
import { type Base, openBase } from "../pretrained/base.ts";
import { quantizedBase } from "../pretrained/quantized_base.ts";
import { openSession as openNodeSession } from "../runtime/node.ts";
import type { Device, OpenSession } from "../runtime/session.ts";
import { AttuneError } from "../text/errors.ts";
import { version } from "../text/version.ts";
import type { Moments } from "../training/adamw.ts";
import { requireComputeDevice } from "../training/compute_device.ts";
import type { EndEvent, TrainEvent } from "../training/events.ts";
import { lanesFor } from "../training/lanes.ts";
import { type LearningRate, settleLearningRate } from "../training/learning_rate.ts";
import type { LoopEnd, LoopEvent, StepTimes } from "../training/loop.ts";
import { openTraining } from "../training/open_training.ts";
import { ALONE, type Ranks, shareArrays } from "../training/ranks.ts";
import {
  parseRecipe,
  type Recipe,
  type RecipeInput,
  type SettledRecipe,
  storedRecipe,
} from "../training/recipe.ts";
import type { Trainable } from "../training/trainable.ts";
import { checkMethod, chooseMethod, type RunMethod } from "./choose_method.ts";
import { requireFiniteBase } from "./finite_base.ts";
import {
  type AnswersPort,
  answersPort,
  type HeldOutAnswers,
  openHeldOutAnswers,
} from "./held_out_answers.ts";
import { trainedIn } from "./learning_rate.ts";
import { runOriginOf } from "./origin.ts";
import { resetPeakMemory } from "./peak_memory.ts";
import { bestPath, directoryPorts } from "./ports.ts";
import { prepareData, type RunData } from "./prepare_data.ts";
import { referenceValues } from "./reference_values.ts";
import { progressOf } from "./resume.ts";
import { openRunDirectory, type RunDirectory } from "./run_directory.ts";
import { lockRun, NO_LOCK, type RunLock } from "./run_lock.ts";
import { runReport } from "./run_report.ts";
import { trackers, trackingPlan } from "./run_trackers.ts";
import { restoreCheckpoint } from "./saving.ts";
import { startEvent } from "./start_event.ts";
import { type Team, teamOf } from "./team.ts";
import { updateThreads } from "./update_threads.ts";
import { watched } from "./watched.ts";

export interface TrainOptions {
  /** Ends the run after the step under way, with a checkpoint: the same call later goes on from there. */
  signal?: AbortSignal;
  /** What opens the graphs that are computed: ONNX Runtime in Node when left out. */
  openSession?: OpenSession;
  /** "cpu" when left out. */
  device?: Device;
  /** Threads inside one op; all cores when left out. */
  threads?: number;
  /** Writes a profile by op, `PREFIX_*.json`. */
  profilePrefix?: string;
  /** The processes that compute the run together, each of which calls this; this one alone when left out. */
  ranks?: Ranks;
  /** Called after each step with where its time went. */
  onStepTimes?: (times: StepTimes) => void;
  /** Progress callback of downloads from the hub. */
  onDownload?: (progress: HubProgress) => void;
  /** Progress callback: how many rows of a dataset are tokenized. */
  onRows?: (rows: number) => void;
  /** Progress callback of work on the base's weights before the first step. */
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
  const team = teamOf(options.ranks ?? ALONE);
  if (options.ranks) requireReadable(recipe);
  await team.requireSame({ version }); // before anything else is sent: another version may send it otherwise
  const lock = team.isLeader ? await lockRun(recipe.output) : NO_LOCK;
  try {
    yield* lockedRun(recipe, { lock, team }, options);
  } finally {
    await lock.release();
  }
}

/** Standard input is there once, at the first rank. */
function requireReadable({ data }: Recipe): void {
  const i = data.findIndex(({ path }) => path === "-");
  if (i >= 0)
    throw new AttuneError({
      code: "run.no-input-of-ranks",
      place: `data.${i}.path`,
      problem: "standard input can't be read by several processes",
      wayOut: "Write the rows to a file that all machines have",
    });
}

async function* lockedRun(
  given: Recipe,
  { lock, team }: { lock: RunLock; team: Team },
  options: TrainOptions,
): AsyncGenerator<TrainEvent, void, undefined> {
  const { signal, onDownload, onRows, onWeights } = options;
  const began = performance.now();
  await requireComputeDevice(given, options.device ?? "cpu", options.openSession ?? openNodeSession);
  const tracking = team.isLeader ? trackingPlan(given) : [];
  resetPeakMemory();
  const warnings: string[] = [];
  const warn = (message: string) => void (warnings.includes(message) || warnings.push(message));
  const hub: HubOptions = { signal, onProgress: onDownload, onWarning: warn };
  const weights = given.stage === "pretrain" && !given.adapter ? "optional" : "required";
  const opened = await openBase(given.model, { weights, hub });
  await checkMethod(given, opened, warn);
  await requireFiniteBase(opened);
  const { recipe, learningRate } = await settleLearningRate(given, () => trainedIn(given, opened));
  const directory = await teamDirectory(recipe, team);
  warnings.push(...directory.warnings);
  if (recipe.training.evaluateEvery && !recipe.evaluation)
    warn("training.evaluateEvery has no effect: without evaluation.fraction no example is held out");
  const of = (work: WeightsProgress["work"]) => (done: number, total: number) =>
    onWeights?.({ work, done, total });
  const base = await quantizedBase(opened, recipe, { onWeight: of("quantizing"), warn });
  const now = directory.startedAt;
  const data = await team.oncePerMachine(() =>
    prepareData(recipe, base, { now, hub, signal, strict: "unusable", progress: onRows, warn }),
  );
  try {
    const answers = await openHeldOutAnswers({ recipe, base, data, now, hub, warn });
    const method = await chooseMethod(recipe, base, of("starting"));
    const prepared = { recipe, learningRate, warnings, base, directory, lock, team, data, method, answers };
    if (!team.isLeader) return yield* trained(prepared, options);
    const { hash: dataHash, evaluation: heldOut } = data;
    yield* watched(trained(prepared, options), [
      runReport({ recipe, directory, lock, dataHash, heldOut, began }),
      ...trackers(recipe, directory, tracking),
    ]);
  } finally {
    data.close();
  }
}

/** All that a run is made of, before its graph is compiled. */
interface Prepared {
  recipe: SettledRecipe;
  learningRate: LearningRate;
  warnings: string[];
  base: Base;
  directory: RunDirectory;
  lock: RunLock;
  team: Team;
  data: RunData;
  method: RunMethod;
  /** What is asked at each evaluation. */
  answers?: HeldOutAnswers;
}

/** From the last checkpoint, or the start, to the run's end. */
async function* trained(
  { recipe, learningRate, warnings, base, directory, lock, team, data, method: run, answers }: Prepared,
  { openSession = openNodeSession, signal, onReference, onStepTimes, device = "cpu", ...rest }: TrainOptions,
): AsyncGenerator<TrainEvent, void, undefined> {
  const { threads = cpus().length, profilePrefix } = rest;
  const { method, reference: before } = run;
  const { ranks, isLeader } = team;
  const origin = await runOriginOf(recipe, base, data);
  const { output: _, ...same } = storedRecipe(recipe); // the first rank alone writes
  await team.requireSame({ version, recipe: same, ...origin });
  const from = await team.fromLeader(() => progressOf(directory, origin));
  const session = { device, threads };
  const lanes = profilePrefix ? 1 : lanesFor(base.model, recipe.training.batchSize, session);
  const made = { model: base.model, method, reference: before, updateThreads: updateThreads(threads) };
  const parts = { recipe, ...made, data, ranks, lanes };
  const training = await openTraining(parts, openSession, { ...session, profilePrefix });
  const kept = isLeader ? { file: directory.samples, write: lock.write } : undefined;
  const asked = answers && answersPort(answers, { base, method, open: openSession, session, ranks, kept });
  try {
    const { engine, optimizer, order } = training;
    if (directory.checkpoint)
      await restoreCheckpoint(directory.checkpoint, method.trainables, optimizer.moments);
    if (from.step > 0) await shareState(ranks, method.trainables, optimizer.moments);
    if (isLeader) await lock.write(directory.begin);
    const reference = training.usesReference
      ? await referenceValues(team, { path: directory.path, lock }, data, engine, onReference)
      : undefined;
    yield { ...startEvent({ recipe, base, data, method, order, from }), learningRate, warnings };
    const own = isLeader ? directoryPorts({ base, directory, lock, run, optimizer, origin }) : undefined;
    const ports = {
      ...own,
      ...(asked && { evaluation: asked.evaluation }),
      times: onStepTimes,
      isStopped: () => team.any(signal?.aborted === true),
    };
    const events = withSamples(training.run({ ports, from, signal, reference }), asked);
    const end = yield* flushed(events, async () => own?.flush());
    const path = join(directory.path, run.result);
    if (isLeader) await lock.write(() => run.save(path));
    yield endEvent(end, path, bestPath(directory));
  } finally {
    await asked?.release();
    await training.release();
  }
}

/** The first rank's checkpoint is where all go on. */
const shareState = (ranks: Ranks, trainables: readonly Trainable[], moments: readonly Moments[]) =>
  shareArrays(ranks, [...trainables.map(({ data }) => data), ...moments.flatMap(({ m, v }) => [m, v])]);

/** The first rank opens the run's directory; the others learn when the run was started. */
async function teamDirectory(recipe: SettledRecipe, { isLeader, fromLeader }: Team): Promise<RunDirectory> {
  const opened = isLeader ? await openRunDirectory(recipe) : undefined;
  const started = await fromLeader(() => opened!.startedAt.toISOString());
  const { output: path } = recipe;
  const unused = { metrics: "", samples: "", warnings: [], begin: async () => {} };
  return opened ?? { ...unused, path, startedAt: new Date(started) };
}

/** However the events end, what was held back is written; an error of the run comes before one of that. */
async function* flushed(
  events: AsyncGenerator<TrainEvent, LoopEnd>,
  flush: () => Promise<void>,
): AsyncGenerator<TrainEvent, LoopEnd> {
  let isDone = false;
  try {
    const end = yield* events;
    isDone = true;
    return end;
  } finally {
    await (isDone ? flush() : flush().catch(() => {}));
  }
}

/** Evaluations tell what was answered. */
async function* withSamples(
  events: AsyncGenerator<LoopEvent, LoopEnd>,
  asked: AnswersPort | undefined,
): AsyncGenerator<TrainEvent, LoopEnd> {
  for (let next = await events.next(); ; next = await events.next()) {
    if (next.done) return next.value;
    const event = next.value;
    yield asked && event.type === "evaluation" ? { ...event, ...asked.last() } : event;
  }
}

function endEvent({ best, ...end }: LoopEnd, path: string, bestPath: string): EndEvent {
  return { type: "end", ...end, path, ...(best && { best: { path: bestPath, ...best } }) };
}
