import { sizeOf, type Tensor } from "../graph/tensor.ts";
import type { DeviceTensor, TensorData } from "../runtime/session.ts";
import { freeAtOnce } from "./free_at_once.ts";
import type { RunningScale } from "./loss_scale.ts";
import { fitOneBuffer, inOneBuffer } from "./one_buffer.ts";
import { createOptimizer, type Optimizer, type OptimizerStep, threadedOptimizer } from "./optimizer.ts";
import { ALONE, type Ranks, type WireType } from "./ranks.ts";
import type { Trainable } from "./trainable.ts";
import { gradientName } from "./training_graph.ts";
import type { UpdateThreads } from "./update_work.ts";

type Graph = Record<string, Tensor>;

/** What is trained, as passes read it. */
export interface ReadState {
  /** A graph as it reads what is trained here, and as it gives the gradients, where it does. */
  fit(graph: Graph): Graph;
  /** What passes are fed. */
  feeds(): Promise<Record<string, DeviceTensor>>;
}

/** What passes one after the other read, and where their gradients are added up. */
export interface PassState extends Pick<ReadState, "feeds"> {
  /** Arrays that gradients are written to. */
  readonly into: Readonly<Record<string, TensorData>>;
  /** Called before the passes over a batch: so many will follow. */
  begin(passes: number): void;
  /** Takes in the gradients of a pass. */
  add(outputs: Readonly<Record<string, DeviceTensor>>): Promise<void>;
}

/** Where what is trained lies, and where the gradients of passes are added up. `G` is those of a batch. */
export interface TrainedState<G> extends ReadState, PassState {
  /** Outputs of passes that stay on the device. */
  readonly kept: readonly string[];
  /** What losses are multiplied by, in float16; gradients come multiplied by it. */
  readonly lossScale?: RunningScale;
  /** What passes read and write that are computed at the same time as this state's own; one for each lane, made once. */
  besides?(lanes: number): PassState[];
  /** The sums of a batch's passes, of all lanes and ranks; they hold until the next batch. A rank may have had no pass. */
  gradients(): Promise<G>;
}

/** What is trained, with its optimizer. Trainables and moments are the host's arrays, as of the last `read`. */
export interface OptimizedState<G> extends TrainedState<G> {
  readonly moments: Optimizer["moments"];
  step(gradients: G, options: OptimizerStep): number | Promise<number>;
  /** Copies what is trained, and its moments, from where it lies to the trainables' arrays. */
  read(): Promise<void>;
  release(): Promise<void>;
}

export interface HostOptions {
  ranks?: Ranks;
  wire?: WireType;
  /** Who updates much that is trained; this thread alone when left out. */
  threads?: UpdateThreads;
}

/** Numbers from which other threads gain more than they take: with fewer, an update ends before they have started. */
const LARGE = 3e7;

/** All of it in the host's memory. */
export function hostState(
  trainables: readonly Trainable[],
  { ranks, wire, threads }: HostOptions = {},
): OptimizedState<Float32Array[]> {
  const arrays = trainables.map(({ data }) => data);
  for (const [i, data] of inOneBuffer(arrays).entries()) trainables[i]!.data = data;
  const isLarge = arrays.reduce((n, { length }) => n + length, 0) >= LARGE;
  const { moments, step } =
    threads && isLarge ? threadedOptimizer(trainables, threads) : createOptimizer(trainables);
  return {
    ...hostGradients(trainables, ranks, wire),
    moments,
    step,
    async read() {
      const isGone = trainables.some(({ data, shape }) => data.length < sizeOf(shape));
      if (isGone) throw new Error("what was trained was lent to a thread that died");
    },
    release: async () => threads?.close(),
  };
}

/** Values alone. */
export function hostValues(trainables: readonly Trainable[]): ReadState {
  const values = Object.fromEntries(trainables.map((t) => [t.name, t]));
  return { fit: (graph) => graph, feeds: async () => values };
}

/** Without an optimizer. */
export function hostGradients(
  trainables: readonly Trainable[],
  ranks: Ranks = ALONE,
  wire?: WireType,
): TrainedState<Float32Array[]> {
  const own = passSums(trainables);
  let lanes: (PassState & PassSums)[] = [];
  return {
    ...hostValues(trainables),
    ...own,
    kept: [],
    besides(count) {
      lanes = Array.from({ length: count }, () => lane(trainables));
      return lanes;
    },
    async gradients() {
      const gradients = own.sums();
      for (const { sums } of lanes) accumulate(gradients, sums(), false);
      await ranks.sum(gradients, wire);
      return gradients;
    },
  };
}

type PassSums = Pick<PassState, "into" | "begin" | "add"> & {
  /** Of the passes since `begin`; they hold until the next one. */
  sums(): Float32Array[];
};

/** Where the gradients of passes one after the other are added up. */
const passSums = (trainables: readonly Trainable[]): PassSums =>
  areTaken(trainables) ? takenSums(trainables) : writtenSums(trainables);

/** Whether gradients are too large to be written to one buffer. */
export const areTaken = (trainables: readonly Pick<Trainable, "shape">[]): boolean =>
  !fitOneBuffer(trainables.map(({ shape }) => ({ length: sizeOf(shape) })));

/** Small gradients are written to one buffer: to take over an array for each would take longer than the pass. */
function writtenSums(trainables: readonly Trainable[]): PassSums {
  const zeros = inOneBuffer(zerosOf(trainables));
  const buffers = trainables.map(({ dtype, shape }, i): TensorData => ({ dtype, shape, data: zeros[i]! }));
  const computed = () => buffers.map(({ data }) => data as Float32Array);
  let added: Float32Array[] | undefined; // made when a batch takes several passes
  let [passes, done] = [0, 0];
  return {
    into: Object.fromEntries(trainables.map(({ name }, i) => [gradientName(name), buffers[i]!])),
    begin(count) {
      [passes, done] = [count, 0];
      if (count === 0) for (const { data } of buffers) data.fill(0 as never); // more ranks or lanes than examples
    },
    async add() {
      if (passes > 1) added = accumulate(added, computed(), done === 0);
      done++;
    },
    sums: () => (passes > 1 ? added! : computed()),
  };
}

/** Large gradients are taken as the session gives them, which copies what it computed in any case. */
function takenSums(trainables: readonly Trainable[]): PassSums {
  const names = trainables.map(({ name }) => gradientName(name));
  let sums: Float32Array[] = [];
  return {
    into: {},
    begin() {
      freeAtOnce(sums.splice(0));
    },
    async add(outputs) {
      const computed = names.map((name) => (outputs[name] as TensorData).data as Float32Array);
      if (sums.length === 0) sums = computed;
      else {
        accumulate(sums, computed, false);
        freeAtOnce(computed);
      }
    },
    sums() {
      if (sums.length === 0) sums = zerosOf(trainables); // more ranks or lanes than examples
      return sums;
    },
  };
}

const zerosOf = (trainables: readonly Trainable[]) =>
  trainables.map(({ data }) => new Float32Array(data.length));

/** A lane reads copies: arrays that are fed are lent to the session that computes. */
function lane(trainables: readonly Trainable[]): PassState & PassSums {
  const copies = inOneBuffer(trainables.map(({ data }) => new Float32Array(data.length)));
  const own = trainables.map((trainable, i) => ({ ...trainable, data: copies[i]! }));
  const sums = passSums(own);
  return {
    ...hostValues(own),
    ...sums,
    begin(passes) {
      sums.begin(passes);
      if (passes > 0) for (const [i, copy] of own.entries()) copy.data.set(trainables[i]!.data);
    },
  };
}

/** `sums` and `terms` added up in place; `terms` alone, copied, when they are the first. */
function accumulate(sums: Float32Array[] | undefined, terms: readonly Float32Array[], first: boolean) {
  if (!sums) return terms.map((term) => term.slice());
  sums.forEach((sum, p) => {
    const term = terms[p]!;
    if (first) sum.set(term);
    else for (let i = 0; i < sum.length; i++) sum[i]! += term[i]!;
  });
  return sums;
}
