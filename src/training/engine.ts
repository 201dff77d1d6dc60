import { makePacks } from "../data/packing/pack.ts";
import { countLabels, type TokenSequence } from "../data/tokenize/token_sequence.ts";
import type { Model } from "../models/family.ts";
import type { OpenSession, SessionOptions } from "../runtime/session.ts";
import { floats } from "../runtime/tensor_data.ts";
import { type Forward, openForward, type RowFeeds } from "./forward.ts";
import { labelCostOf } from "./label_cost.ts";
import { type LabelLosses, labelLosses } from "./label_losses.ts";
import { type ByToken, labelWeightsOf, takeValues, zerosByToken } from "./label_values.ts";
import { allEnded, openLanes, type TrainingLane } from "./lanes.ts";
import type { Method } from "./method.ts";
import { mismatch } from "./mismatch.ts";
import { type Neftune, neftuneNoise } from "./neftune.ts";
import {
  type Branch,
  branchesOf,
  logProbability,
  type Objective,
  type Totals,
  type Values,
} from "./objectives/objective.ts";
import { openObjective } from "./objectives/objectives.ts";
import { ALONE, type Ranks, sharedForward, shareOf, sumValues } from "./ranks.ts";
import { rowFeeds, rowOn } from "./row_feeds.ts";
import { partsOfRow } from "./row_length.ts";
import { sharesOf } from "./shares.ts";
import { hostGradients, hostValues, type ReadState, type TrainedState } from "./trained_state.ts";
import { trainingGraph } from "./training_graph.ts";

export type { RowFeeds } from "./forward.ts";

/** The loss of a batch, however it was split into rows. */
export interface BatchLoss {
  loss: number;
  /** By TRL's names. */
  metrics: Record<string, number>;
  /** Tokens of the examples. */
  tokens: number;
  /** Tokens the model computed: fewer, where examples share a prefix. */
  computedTokens: number;
  /** Labels of the examples. */
  supervisedTokens: number;
  /** Places in the batch of sequences whose loss is not a finite number. */
  broken: number[];
}

export interface BatchOptions {
  /** What rows are fed while training. */
  extra?: RowFeeds;
  /** Of each sequence, where the objective compares with a reference: what `reference` gave. */
  reference?: ArrayLike<number>;
}

/** `G` is gradients as they lie in memory or, under a state of its own, on a device. */
export interface Engine<G = Float32Array[]> {
  /**
   * The loss of `batch` and its gradient: by each of the method's trainables, in their order, or as the state has it. It is
   * the engine's own and holds until the next call. An example's branches follow each other.
   */
  gradients(batch: readonly TokenSequence[], options?: BatchOptions): Promise<BatchLoss & { gradients: G }>;
  /** The loss of `batch`, dropout and noise off. */
  evaluate(batch: readonly TokenSequence[], options?: Pick<BatchOptions, "reference">): Promise<BatchLoss>;
  /** Σ label weight · log probability of each sequence under the model before training, [sequences]. */
  reference(sequences: readonly TokenSequence[]): Promise<Float64Array>;
  release(): Promise<void>;
}

export interface EngineOptions<G = Float32Array[]> {
  /** Where what is trained lies; in the host's memory when left out. */
  state?: TrainedState<G>;
  /** Tokens a row may hold: as many examples as fit are computed side by side. */
  rowLength: number;
  /** What is lowered; the supervised loss when left out. */
  objective?: Objective;
  /** The model before training, for objectives that compare with it. */
  reference?: Method;
  /** Most tokens of an example: of those, too, that an objective makes of others. */
  maxLength?: number;
  /** False: every sequence is computed by itself, to measure what sharing saves. */
  sharePrefixes?: boolean;
  /** Noise at the embeddings while training, which also switches prefix sharing off: it depends on the whole sequence. */
  neftune?: Neftune;
  /** Whether blocks keep nothing but their input for the backward pass: all, none or, when left out, as `recomputed` has it. */
  gradientCheckpointing?: boolean;
  /** Passes computed at the same time, each with its share of the threads; one when left out. */
  lanes?: number;
  /** The processes that compute each batch together; this one alone when left out. */
  ranks?: Ranks;
  session: SessionOptions;
}

/** Compiles `model` under `method` once; every batch then runs the same graph, in as many passes as it takes. */
export async function openEngine<G = Float32Array[]>(
  model: Model,
  method: Method,
  open: OpenSession,
  options: EngineOptions<G>,
): Promise<Engine<G>> {
  const { rowLength, sharePrefixes = true, neftune, ranks = ALONE, session: sessionOptions } = options;
  const { objective = openObjective({ type: "sft" }), maxLength = Number.POSITIVE_INFINITY } = options;
  const { readsPrompts: everyToken = false } = objective;
  const { trainables } = method;
  const state =
    options.state ??
    (hostGradients(trainables, {
      device: sessionOptions.device,
      ranks,
    }) as TrainedState<unknown> as TrainedState<G>);
  const noise = neftune && neftuneNoise(neftune);
  const parts = partsOfRow(rowLength, sessionOptions.device);
  const training = labelLosses(method.adapt(model, true), method.scope(true), {
    ...{ ...parts, noise, inIntegers: true },
  });
  const lanes = await openLanes(
    trainingGraph(training, method, options.gradientCheckpointing),
    state,
    open,
    options,
  );
  const share = sharePrefixes && training.shareable;

  const branches = branchesOf(objective.answers);
  const labelCost = everyToken ? 0 : labelCostOf(model); // where all are labels, all cost the same
  const forward = async (of: LabelLosses, read: ReadState) => {
    const settings = { rowLength, sharePrefixes, everyToken, session: sessionOptions };
    return sharedForward(await openForward(of, read, open, settings), ranks, {
      ...{ branches, labelCost },
      share: of.shareable && sharePrefixes,
    });
  };
  const evaluated = (of: Method) => labelLosses(of.adapt(model, false), of.scope(false), parts);
  const evaluation = once(() => forward(evaluated(method), state));
  const isRandom = method.dropout > 0 || neftune !== undefined;
  const look = isRandom ? once(() => forward(training, state)) : evaluation;
  const before = once(() => openReference(options.reference, forward, evaluated));

  const sumsUnder = async (sequences: readonly TokenSequence[]) => {
    const { nll } = await (await before.get()).values(sequences);
    return Float64Array.from(sequences, (sequence, i) => logProbability(branch(sequence, nll[i]!, 0)));
  };
  /** The values of a batch and, where the objective asks for them, of mismatched examples made of it. */
  const lookAt = async (by: Forward, batch: readonly TokenSequence[], { extra, reference }: BatchOptions) => {
    const others = objective.mismatches ? mismatch(batch, maxLength) : [];
    const { nll, computedTokens } = await by.values([...batch, ...others], extra);
    const known = others.length > 0 ? await sumsUnder(others) : [];
    const mismatched = others.map((other, i) => branch(other, nll[batch.length + i]!, known[i]!));
    return { values: valuesOf(objective, batch, nll, reference, mismatched), computedTokens };
  };

  return {
    async gradients(batch, options = {}) {
      let values = valuesOf(objective, batch, zerosByToken(batch), options.reference);
      if (objective.looksFirst) values = (await lookAt(await look.get(), batch, options)).values;
      const totals = objective.measure(values);
      const { extra = () => ({}) } = options;
      const weights = objective.weigh(values, totals).weights.flat();
      const places = shareOf(ranks, batch, { branches, share, labelCost });
      const found = { nll: zerosByToken(batch), computedTokens: 0 };
      const scale = state.lossScale?.now().value;
      const passes = ({ session, state }: TrainingLane, places: readonly number[]) => {
        const of = <T>(all: readonly T[]) => places.map((place) => all[place]!);
        const rows = makePacks(of(batch), rowLength, { share, everyToken });
        const [ownWeights, ownValues] = [of(weights), of(found.nll)];
        state.begin(rows.length);
        return async () => {
          for (const own of rows) {
            const row = rowOn(sessionOptions, own);
            const labelWeights = labelWeightsOf(row, ownWeights, scale);
            const trained = { ...(await state.feeds()), ...state.before };
            const nll = floats(new Float32Array(row.targets.length));
            const feeds = { ...rowFeeds(row, labelWeights), ...extra(row), ...trained };
            const outputs = await session.run(feeds, { nll, ...state.into });
            takeValues(row, nll.data as Float32Array, ownValues);
            found.computedTokens += own.tokens.length;
            await state.add(outputs);
          }
        };
      };
      const shares = sharesOf(
        places.map((place) => batch[place]!),
        { size: lanes.length, branches, share, labelCost },
      );
      const ready = lanes.map((lane, i) =>
        passes(
          lane,
          shares[i]!.map((at) => places[at]!),
        ),
      );
      await allEnded(ready.map((run) => run()));
      const gradients = await state.gradients();
      const { nll, computedTokens } = await sumValues(ranks, found);
      const seen = valuesOf(objective, batch, nll, options.reference, values.mismatched);
      return { ...batchLoss(objective, batch, seen, totals), computedTokens, gradients };
    },
    async evaluate(batch, options = {}) {
      const { values, computedTokens } = await lookAt(await evaluation.get(), batch, options);
      return { ...batchLoss(objective, batch, values, objective.measure(values)), computedTokens };
    },
    reference: sumsUnder,
    async release() {
      for (const { session } of lanes) await session.release();
      for (const opened of new Set([evaluation, look, before])) await (await opened.known())?.release();
    },
  };
}

/** What is made when it is first asked for. */
function once<T>(make: () => Promise<T>) {
  let made: Promise<T> | undefined;
  return {
    get() {
      made ??= make();
      return made;
    },
    known: () => made?.catch(() => undefined),
  };
}

function openReference(
  reference: Method | undefined,
  forward: (of: LabelLosses, read: ReadState) => Promise<Forward>,
  evaluated: (of: Method) => LabelLosses,
): Promise<Forward> {
  if (!reference) throw new Error("this objective compares with a reference, and none was given");
  return forward(evaluated(reference), hostValues(reference.trainables));
}

const branch = ({ labelWeights }: TokenSequence, nll: Float64Array, reference: number): Branch => ({
  nll,
  labelWeights,
  reference,
});

/** The sequences of a batch as examples. */
function valuesOf(
  { answers }: Objective,
  batch: readonly TokenSequence[],
  nll: ByToken,
  reference: ArrayLike<number> = [],
  mismatched: readonly Branch[] = [],
): Values {
  const all = batch.map((sequence, i) => branch(sequence, nll[i]!, reference[i] ?? 0));
  const size = branchesOf(answers);
  const examples = Array.from({ length: all.length / size }, (_, i) => all.slice(i * size, (i + 1) * size));
  return { examples, mismatched };
}

function batchLoss(
  objective: Objective,
  batch: readonly TokenSequence[],
  values: Values,
  totals: Totals,
): Omit<BatchLoss, "computedTokens"> {
  const { loss, metrics } = objective.weigh(values, totals);
  const all = values.examples.flat();
  return {
    loss,
    metrics,
    tokens: batch.reduce((n, { tokens }) => n + tokens.length, 0),
    supervisedTokens: batch.reduce((n, sequence) => n + countLabels(sequence), 0),
    broken: [...all.keys()].filter((i) => !all[i]!.nll.every(Number.isFinite)),
  };
}
