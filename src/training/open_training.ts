import { type BatchOrder, batchOrder } from "../data/batches/batches.ts";
import { type MixtureDataset, mixtureOrder } from "../data/batches/mixture.ts";
import type { Model } from "../models/family.ts";
import { keepsTensors, type OpenSession, type SessionOptions } from "../runtime/session.ts";
import { deviceState } from "./device_state.ts";
import { type Engine, openEngine } from "./engine.ts";
import { requireExactInt8 } from "./int8_products.ts";
import {
  type LoopData,
  type LoopEnd,
  type LoopEvent,
  type LoopOptions,
  type LoopPorts,
  trainingLoop,
} from "./loop.ts";
import { withLossScale } from "./loss_scale.ts";
import type { Method } from "./method.ts";
import { openObjective } from "./objectives/objectives.ts";
import { randomFeeds } from "./random_feeds.ts";
import type { Ranks } from "./ranks.ts";
import type { SettledRecipe } from "./recipe.ts";
import { rowLengthFor } from "./row_length.ts";
import { hostState, type OptimizedState } from "./trained_state.ts";
import type { UpdateThreads } from "./update_work.ts";

/** What training is made of, wherever it came from. */
export interface TrainingParts {
  recipe: SettledRecipe;
  model: Model;
  /** What is trained. */
  method: Method;
  /** The model before training, for objectives that compare with it. */
  reference?: Method;
  data: Omit<LoopData, "reference"> & {
    /** How many of the training examples come from each dataset, in order. */
    datasets: readonly MixtureDataset[];
  };
  /** The processes that compute each step together. */
  ranks?: Ranks;
  /** Passes of a step computed at the same time; one when left out. */
  lanes?: number;
  /** Who updates large parameters; the caller's thread alone when left out. They are closed with the training. */
  updateThreads?: UpdateThreads;
}

export type RunOptions = Pick<LoopOptions<unknown>, "ports" | "from" | "signal"> &
  Pick<LoopData, "reference">;

/** A compiled step, its optimizer and the order of examples. */
export interface Training {
  engine: Engine<unknown>;
  /** Where what is trained lies, and what updates it. */
  optimizer: OptimizedState<unknown>;
  order: BatchOrder;
  /** Whether the run needs `reference`: the engine's values of all sequences before the first step. */
  usesReference: boolean;
  run(options?: RunOptions): AsyncGenerator<LoopEvent, LoopEnd>;
  release(): Promise<void>;
}

/**
 * Compiles the training step of a recipe, for a device that computes what it asks for (see `requireComputeDevice`).
 * @throws AttuneError when there are no examples, or one is longer than the model was made for.
 */
export async function openTraining(
  parts: TrainingParts,
  open: OpenSession,
  session: SessionOptions,
): Promise<Training> {
  const { recipe, method, ranks } = parts;
  const half = recipe.compute === "float16";
  const over = <G>(state: OptimizedState<G>) =>
    openOver(half ? withLossScale(state) : state, parts, open, { ...session, half });
  if (keepsTensors(session.device) && (ranks?.size ?? 1) === 1)
    return over(await deviceState(open, method.trainables, session));
  const wire = recipe.training.communicationDataType;
  const { device } = session;
  return over(hostState(method.trainables, { device, ranks, wire, threads: parts.updateThreads }));
}

async function openOver<G>(
  state: OptimizedState<G>,
  { recipe, model, method, reference, data, ranks, lanes }: TrainingParts,
  open: OpenSession,
  session: SessionOptions,
): Promise<Training> {
  if (recipe.compute === "int8") await requireExactInt8(open, { device: session.device, threads: 1 });
  const { neftuneNoiseAlpha: alpha, gradientCheckpointing, maxLength } = recipe.training;
  const { maxPositions } = model.dimensions;
  const { train, evaluation, branches } = data;
  const objective = openObjective(recipe.objective);
  const order = orderOf(recipe, data.datasets);
  const engine = await openEngine(model, method, open, {
    state,
    rowLength: rowLengthFor([train, evaluation], { maxPositions, branches }),
    objective,
    reference,
    maxLength,
    neftune: alpha === undefined ? undefined : { alpha, seed: recipe.seed },
    gradientCheckpointing,
    ranks,
    lanes,
    session,
  });
  const fixed = { recipe, engine, optimizer: state, order, randomFeeds: randomFeeds(recipe, method) };
  return {
    engine,
    optimizer: state,
    order,
    usesReference: objective.usesReference,
    async *run({ reference, ports = {}, ...options } = {}) {
      const all = { train, evaluation, branches, reference };
      if (options.from?.lossScale) state.lossScale?.restore(options.from.lossScale);
      const end = yield* trainingLoop({ ...fixed, data: all, ...options, ports: afterReading(state, ports) });
      await state.read();
      return end;
    },
    async release() {
      await engine.release();
      await state.release();
    },
  };
}

/** Ports that look at what is trained find it in the trainables' arrays. */
function afterReading({ read }: Pick<OptimizedState<unknown>, "read">, ports: LoopPorts): LoopPorts {
  const { checkpoint, best, evaluation } = ports;
  const after =
    <A, R>(port: (about: A) => Promise<R>) =>
    async (about: A) => {
      await read();
      return port(about);
    };
  return {
    ...ports,
    checkpoint: checkpoint && after(checkpoint),
    best: best && after(best),
    evaluation: evaluation && after(evaluation),
  };
}

function orderOf(
  { mixture, shuffle, seed, training }: SettledRecipe,
  datasets: readonly MixtureDataset[],
): BatchOrder {
  return batchOrder(mixtureOrder({ datasets, ...mixture, shuffle, seed }), training.batchSize);
}
