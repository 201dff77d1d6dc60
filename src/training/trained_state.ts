import { sizeOf, type Tensor } from "../graph/tensor.ts";
import type { Device, DeviceTensor, TensorData } from "../runtime/session.ts";
import type { RunningScale } from "./loss_scale.ts";
import { fitOneBuffer, inOneBuffer } from "./one_buffer.ts";
import { createOptimizer, type Optimizer, type OptimizerStep, threadedOptimizer } from "./optimizer.ts";
import { ALONE, type Ranks, type WireType } from "./ranks.ts";
import { sumsInGraph } from "./sums_in_graph.ts";
import { type Trainable, zeroArrays, zeroTensors } from "./trainable.ts";
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
export interface PassState extends ReadState {
  /** What a pass adds its gradients to, by the name it is fed as; none where the graph doesn't. */
  readonly before: Readonly<Record<string, TensorData>>;
  /** Arrays that passes write to, once their graph was fitted: those of `before`, or none. */
  readonly into: Readonly<Record<string, TensorData>>;
  /** Called before the passes over a batch: so many will follow. */
  begin(passes: number): void;
  /** Takes in the gradients of a pass. */
  add(outputs: Readonly<Record<string, DeviceTensor>>): Promise<void>;
}

/** Where what is trained lies, and where the gradients of passes are added up. `G` is those of a batch. */
export interface TrainedState<G> extends PassState {
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
  /** Where passes run; "cpu" when left out. */
  device?: Device;
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
  { threads, ...options }: HostOptions = {},
): OptimizedState<Float32Array[]> {
  const arrays = trainables.map(({ data }) => data);
  for (const [i, data] of inOneBuffer(arrays).entries()) trainables[i]!.data = data;
  const isLarge = arrays.reduce((n, { length }) => n + length, 0) >= LARGE;
  const { moments, step } =
    threads && isLarge ? threadedOptimizer(trainables, threads) : createOptimizer(trainables);
  return {
    ...hostGradients(trainables, options),
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
  { device, ranks = ALONE, wire }: Omit<HostOptions, "threads"> = {},
): TrainedState<Float32Array[]> {
  const own = passSums(trainables, device);
  let lanes: (PassState & PassSums)[] = [];
  return {
    ...hostValues(trainables),
    ...own,
    kept: [],
    besides(count) {
      lanes = Array.from({ length: count }, () => lane(trainables, device));
      return lanes;
    },
    async gradients() {
      const gradients = own.sums();
      for (const { sums } of lanes) accumulate(gradients, sums());
      await ranks.sum(gradients, wire);
      return gradients;
    },
  };
}

/** Where gradients are added up, pass by pass. */
export interface PassSums extends Omit<PassState, "feeds"> {
  /** Of the passes since `begin`; they hold until the next one, and others may be put in their place. */
  sums(): Float32Array[];
}

/** Where the gradients of passes one after the other are added up. */
const passSums = (trainables: readonly Trainable[], device: Device = "cpu"): PassSums =>
  addsInGraph(trainables, device) ? sumsInGraph(trainables) : sumsOfOutputs(trainables, device);

/**
 * Whether passes add up gradients themselves: where they read and write the host's arrays in their place. To feed a small
 * model's, too, would take a fifth of its step.
 */
export const addsInGraph = (trainables: readonly Pick<Trainable, "shape">[], device: Device): boolean =>
  device === "cpu" && !fitOneBuffer(trainables.map(({ shape }) => ({ length: sizeOf(shape) })));

/** What passes give is added up here; on the CPU they write it to one buffer. */
function sumsOfOutputs(trainables: readonly Trainable[], device: Device): PassSums {
  const names = trainables.map(({ name }) => gradientName(name));
  const sums = zeroArrays(trainables);
  const written = device === "cpu" ? zeroTensors(trainables) : [];
  return {
    fit: (graph) => graph,
    before: {},
    into: Object.fromEntries(written.map((tensor, i) => [names[i]!, tensor])),
    begin() {
      for (const sum of sums) sum.fill(0);
    },
    async add(outputs) {
      accumulate(
        sums,
        names.map((name) => (outputs[name] as TensorData).data as Float32Array),
      );
    },
    sums: () => sums,
  };
}

/** A lane reads copies: arrays that are fed are lent to the session that computes. */
function lane(trainables: readonly Trainable[], device?: Device): PassState & PassSums {
  const copies = zeroArrays(trainables);
  const own = trainables.map((trainable, i) => ({ ...trainable, data: copies[i]! }));
  const sums = passSums(own, device);
  return {
    ...hostValues(own),
    ...sums,
    begin(passes) {
      sums.begin(passes);
      if (passes > 0) for (const [i, copy] of own.entries()) copy.data.set(trainables[i]!.data);
    },
  };
}

function accumulate(sums: readonly Float32Array[], terms: readonly Float32Array[]): void {
  for (const [p, sum] of sums.entries()) {
    const term = terms[p]!;
    for (let i = 0; i < sum.length; i++) sum[i]! += term[i]!;
  }
}
