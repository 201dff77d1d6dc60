import { rm } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import type { TokenSequence } from "../../data/tokenize/token_sequence.ts";
import { writeFileAtomic } from "../../files/atomic.ts";
import { writeCheckpoint } from "../../files/training_checkpoint.ts";
import { passingDirectory } from "../../files/user_cache.ts";
import { openBase } from "../../pretrained/base.ts";
import { requireFiniteWeights } from "../../pretrained/finite_weights.ts";
import { quantizedBase } from "../../pretrained/quantized_base.ts";
import { openSession } from "../../runtime/node.ts";
import type { OpenSession } from "../../runtime/session.ts";
import { type CheckpointArray, checkpointArrays } from "../../training/checkpoint_arrays.ts";
import { requireComputeDevice } from "../../training/compute_device.ts";
import { lanesFor } from "../../training/lanes.ts";
import { openTraining, type Training } from "../../training/open_training.ts";
import { randomFeeds } from "../../training/random_feeds.ts";
import type { SettledRecipe } from "../../training/recipe.ts";
import { chooseMethod } from "../choose_method.ts";
import { peakMemory } from "../peak_memory.ts";
import { prepareData } from "../prepare_data.ts";
import { updateThreads } from "../update_threads.ts";
import type { MeasuredPass, MeasuredRun, MeasureTask, Writing } from "./measurement.ts";

/** Runs the passes of `task` in this process, as a run would, and says what they took. */
export async function measureHere(task: MeasureTask): Promise<MeasuredRun> {
  const { recipe, device, threads = cpus().length, now } = task;
  await requireComputeDevice(recipe, device, openSession);
  const weights = recipe.stage === "pretrain" && !recipe.adapter ? "optional" : "required";
  const opened = await openBase(recipe.model, { weights });
  await requireFiniteWeights(opened);
  const base = await quantizedBase(opened, recipe);
  const data = await prepareData(recipe, base, { now, strict: "unusable" });
  const { method, reference: before } = await chooseMethod(recipe, base);
  const watch = watched(openSession);
  const lanes = lanesFor(base.model, recipe.training.batchSize, { device, threads });
  const made = { model: base.model, method, reference: before, updateThreads: updateThreads(threads) };
  const parts = { recipe, ...made, data, lanes };
  const training = await openTraining(parts, watch.open, { device, threads });
  try {
    const opening = process.uptime();
    const at = (indices: readonly number[]) => indices.map((i) => data.train.at(i));
    const held = task.evaluation.map((i) => data.evaluation.at(i));
    if (training.usesReference) await training.engine.reference(at(task.passes[0]!));
    if (held.length > 0) await evaluate(training, held);
    const { updates, hosts } = await takeSteps(training, recipe, method.dropout, task, at, watch);
    const peakMemoryBytes = peakMemory();
    const writing = await writingSpeed(checkpointArrays(method.trainables, training.optimizer.moments));
    const { passes } = watch;
    return { opening, passes, update: median(updates), host: median(hosts), writing, peakMemoryBytes };
  } finally {
    await training.release();
    data.close();
  }
}

async function evaluate({ engine, usesReference }: Training, held: TokenSequence[]): Promise<void> {
  const reference = usesReference ? await engine.reference(held) : undefined;
  await engine.evaluate(held, { reference });
}

/** A first one, which finds nothing ready, the largest, and one to know the speed by. */
const ALWAYS = 3;

/** Steps of a pass each, as many as the budget has time for. */
async function takeSteps(
  { engine, optimizer, usesReference }: Training,
  recipe: SettledRecipe,
  dropout: number,
  { passes, budget }: MeasureTask,
  at: (indices: readonly number[]) => TokenSequence[],
  watch: Watch,
): Promise<{ updates: number[]; hosts: number[] }> {
  const [updates, hosts]: [number[], number[]] = [[], []];
  const { learningRate, weightDecay, maxGradNorm } = recipe.training;
  const feeds = randomFeeds(recipe, { dropout });
  const started = performance.now();
  for (const [i, indices] of passes.entries()) {
    if (i >= ALWAYS && performance.now() - started > budget * 1000) break;
    const step = i + 1;
    const batch = at(indices);
    const before = watch.seconds();
    const [{ gradients }, whole] = await timed(() =>
      engine.gradients(batch, {
        extra: feeds(step),
        reference: usesReference ? new Float64Array(batch.length) : undefined,
      }),
    );
    hosts.push(whole - (watch.seconds() - before));
    updates.push(
      (
        await timed(async () => optimizer.step(gradients, { step, learningRate, weightDecay, maxGradNorm }))
      )[1],
    );
  }
  return { updates, hosts };
}

async function timed<T>(work: () => Promise<T>): Promise<[T, seconds: number]> {
  const started = performance.now();
  const result = await work();
  return [result, (performance.now() - started) / 1000];
}

interface Watch {
  open: OpenSession;
  passes: MeasuredPass[];
  /** How long at least one run was under way, so far. */
  seconds(): number;
}

/** Sessions whose runs are timed. */
function watched(openSession: OpenSession): Watch {
  let [total, running, began] = [0, 0, 0];
  const watch: Watch = { passes: [], seconds: () => total, open };
  async function open(...words: Parameters<OpenSession>): ReturnType<OpenSession> {
    const session = await openSession(...words);
    let isFirst = true;
    return {
      ...session,
      async run(feeds, into) {
        const trains = "weights" in feeds;
        if (running++ === 0) began = performance.now();
        const [result, seconds] = await timed(() => session.run(feeds, into));
        if (--running === 0) total += (performance.now() - began) / 1000;
        if (!feeds.tokens) return result; // no pass: an update on the device
        const [T, S] = [feeds.tokens.shape[0]!, feeds.targets!.shape[0]!];
        watch.passes.push({ T, S, trains, isFirst, seconds });
        isFirst = false;
        return result;
      },
    };
  }
  return watch;
}

const PROBE = 64e6; // bytes

const TIMES = 3;

/** By writing a checkpoint of some of the arrays, and a small file, several times. */
async function writingSpeed(arrays: readonly CheckpointArray[]): Promise<Writing> {
  const directory = await passingDirectory();
  try {
    let bytes = 0;
    const some = arrays.filter(({ data }) => {
      const fits = bytes === 0 || bytes + data.byteLength <= PROBE;
      if (fits) bytes += data.byteLength;
      return fits;
    });
    const [seconds, small]: [number[], number[]] = [[], []];
    for (let i = 1; i <= TIMES; i++) {
      seconds.push((await timed(() => writeCheckpoint(directory, i, { tensors: some, state: {} })))[1]);
      small.push((await timed(() => writeFileAtomic(join(directory, "small"), " ".repeat(SMALL))))[1]);
    }
    return { bytes, seconds: median(seconds), small: median(small) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const SMALL = 20_000; // bytes

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}
