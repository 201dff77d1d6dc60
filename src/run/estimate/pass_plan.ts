import type { BatchOrder } from "../../data/batches/batches.ts";
import type { SequenceStore } from "../../data/batches/sequence_store.ts";
import { sequencesOf } from "../../data/batches/whole_examples.ts";
import { makePacks, type Pack } from "../../data/packing/pack.ts";
import type { TokenSequence } from "../../data/tokenize/token_sequence.ts";
import type { PassSize } from "./pass_cost.ts";

/** The passes that a run's steps take, laid out as the engine lays them out. */
export interface PassPlan {
  /** Tokens of all steps: of the examples, and of those that the model computes. */
  tokens: number;
  computedTokens: number;
  supervisedTokens: number;
  /** Passes of the steps that were laid out; each stands for `weight` of the run's. */
  passes: PlannedPass[];
  weight: number;
  /** Most passes that a step takes. */
  most: number;
}

/** One pass, and the sequences of the store it is made of. */
export interface PlannedPass extends PassSize {
  sequences: readonly number[];
}

export interface PassPlanOptions {
  train: SequenceStore;
  branches: number;
  order: BatchOrder;
  steps: number;
  rowLength: number;
  share: boolean;
  everyToken: boolean;
}

/** Sequences that are laid out at most; of a longer run steps spread over all of it. */
const LAID_OUT = 20_000;

export function planPasses(options: PassPlanOptions): PassPlan {
  const { train, branches, order, steps } = options;
  const indicesOf = (step: number) => sequencesOf(order.at(step).examples, branches);
  let tokens = 0;
  for (let step = 1; step <= steps; step++) for (const i of indicesOf(step)) tokens += train.tokensOf(i);
  const some = spread(steps, Math.ceil(LAID_OUT / Math.max(1, indicesOf(1).length)));
  const laidOut = some.map((step) => layOut(indicesOf(step), options));
  const weight = steps / some.length;
  const sum = (of: (step: LaidOut) => number) =>
    Math.round(weight * laidOut.reduce((n, step) => n + of(step), 0));
  return {
    tokens,
    computedTokens: sum(({ passes }) => passes.reduce((n, { T }) => n + T, 0)),
    supervisedTokens: sum(({ labels }) => labels),
    passes: laidOut.flatMap(({ passes }) => passes),
    weight,
    most: Math.max(...laidOut.map(({ passes }) => passes.length)),
  };
}

interface LaidOut {
  passes: PlannedPass[];
  labels: number;
}

function layOut(indices: Uint32Array, { train, rowLength, share, everyToken }: PassPlanOptions): LaidOut {
  const batch = [...indices].map((i) => train.at(i));
  const passes = makePacks(batch, rowLength, { share, everyToken }).map((pack) => ({
    ...sizeOfPack(pack),
    sequences: membersOf(pack).map((at) => indices[at]!),
  }));
  return { passes, labels: batch.reduce((n, sequence) => n + labelsOf(sequence), 0) };
}

const sizeOfPack = ({ tokens, targets }: Pack): PassSize => ({ T: tokens.length, S: targets.length });

/** A sequence without labels gives a pass none: it doesn't stand in `uses`, and isn't needed to make the pass again. */
const membersOf = ({ uses }: Pack): number[] => [...new Set(uses.sequence)].sort((a, b) => a - b);

const labelsOf = ({ labelWeights }: TokenSequence) =>
  labelWeights.reduce((n, weight) => n + Number(weight !== 0), 0);

/** At most `count` of the steps 1…n, evenly spread. */
function spread(n: number, count: number): number[] {
  const size = Math.min(n, Math.max(1, count));
  return Array.from({ length: size }, (_, i) => 1 + Math.floor((i * n) / size));
}

/** The passes that sequences take where no gradient is wanted: all of a store, so many at once. */
export function forwardPasses(
  store: SequenceStore,
  {
    rowLength,
    share,
    everyToken,
    atOnce,
  }: Pick<PassPlanOptions, "rowLength" | "share" | "everyToken"> & { atOnce: number },
): PassSize[] {
  const passes: PassSize[] = [];
  for (let from = 0; from < store.length; from += atOnce) {
    const some = Array.from({ length: Math.min(atOnce, store.length - from) }, (_, i) => store.at(from + i));
    passes.push(...makePacks(some, rowLength, { share, everyToken }).map(sizeOfPack));
  }
  return passes;
}
