import { add, div, mul, scale, shift, sqrt, sub } from "../graph/ops/elementwise.ts";
import { sum, sumAll } from "../graph/ops/reduce.ts";
import { rewrite } from "../graph/passes/rewrite.ts";
import { input, isInput } from "../graph/sources.ts";
import type { Tensor } from "../graph/tensor.ts";
import { openGraph } from "../runtime/open_graph.ts";
import type { DeviceTensor, OpenSession, Session, SessionOptions, TensorData } from "../runtime/session.ts";
import { BETA1, BETA2, EPSILON, type Moments } from "./adamw.ts";
import { blockOf, type FlatGroup, flatGroups, gathered, partsOfBlock, spread, WIDTH } from "./flat_groups.ts";
import type { OptimizerStep } from "./optimizer.ts";
import type { Trainable } from "./trainable.ts";
import type { OptimizedState } from "./trained_state.ts";
import { gradientName } from "./training_graph.ts";

/** Of one group: values and moments [rows, WIDTH]. */
type Held = Record<"p" | "m" | "v", DeviceTensor>;

/**
 * What is trained, its moments and the sums of gradients in blocks that stay on the device: of a step only the
 * gradient's norm comes back. Sums have no fixed order there: a run that goes on is the same but for rounding.
 */
export async function deviceState(
  open: OpenSession,
  trainables: readonly Trainable[],
  options: SessionOptions,
): Promise<OptimizedState<DeviceTensor[]>> {
  const groups = flatGroups(trainables);
  const moments = trainables.map(zeroMoments);
  const momentsOf = new Map(trainables.map((trainable, i) => [trainable, moments[i]!]));
  const ARRAYS = {
    p: ({ data }: Trainable) => data,
    m: (trainable: Trainable) => momentsOf.get(trainable)!.m,
    v: (trainable: Trainable) => momentsOf.get(trainable)!.v,
  };
  const openKept = (graph: Record<string, Tensor>, kept: readonly string[]): Promise<Session<DeviceTensor>> =>
    openGraph(open, graph, { ...options, kept });
  const update = await openKept(updateGraph(), ["next p", "next m", "next v"]);
  const adder = await openKept({ sum: add(input("a", BLOCK), input("b", BLOCK)) }, ["sum"]);
  const square = await openKept(squareGraph(), []);
  const free = (tensors: readonly DeviceTensor[]) =>
    Promise.all(tensors.map((tensor) => update.free(tensor)));
  const parts = new Map(groups.flatMap(partsOfBlock));
  let held: Held[] | undefined;
  let sums: DeviceTensor[] = [];
  let isFirst = true;

  const place = async (group: FlatGroup): Promise<Held> => {
    const placed = (name: keyof Held) => update.place(gathered(group, ARRAYS[name]));
    return { p: await placed("p"), m: await placed("m"), v: await placed("v") };
  };
  const values = async (): Promise<Held[]> => {
    if (held) return held;
    const blocks: Held[] = [];
    for (const group of groups) blocks.push(await place(group));
    held = blocks;
    return blocks;
  };

  return {
    moments,
    fit(graph) {
      const over = rewrite(graph, (t) => (isInput(t) ? parts.get(t.attributes.name) : undefined));
      const gradientOf = (name: string) => over[gradientName(name)]!;
      const isGradient = ([name]: [string, Tensor]) => name.startsWith(gradientName(""));
      const others = Object.entries(over).filter((entry) => !isGradient(entry));
      if (others.length === Object.keys(over).length) return over;
      const blocks = groups.map((group) => [gradientName(group.name), blockOf(group, gradientOf)]);
      return Object.fromEntries([...others, ...blocks]);
    },
    kept: groups.map(({ name }) => gradientName(name)),
    before: {},
    into: {},
    feeds: async () => Object.fromEntries((await values()).map(({ p }, i) => [groups[i]!.name, p])),
    begin() {
      isFirst = true;
    },
    async add(outputs) {
      const terms = groups.map(({ name }) => outputs[gradientName(name)]!);
      const before = sums;
      sums = isFirst ? terms : [];
      for (const [i, b] of isFirst ? [] : terms.entries())
        sums.push((await adder.run({ a: before[i]!, b })).sum!);
      await free(isFirst ? before : [...before, ...terms]);
      isFirst = false;
    },
    gradients: async () => sums,
    async step(gradients, settings) {
      let squares = 0;
      for (const g of gradients)
        squares += ((await square.run({ g })).squares as TensorData).data[0] as number;
      const norm = Math.sqrt(squares) / (settings.lossScale ?? 1);
      if (!Number.isFinite(norm)) return norm;
      const before = await values();
      held = [];
      for (const [i, group] of groups.entries()) {
        const feeds = { ...before[i]!, g: gradients[i]!, ...factors(settings, group, norm) };
        const { "next p": p, "next m": m, "next v": v } = await update.run(feeds);
        held.push({ p: p!, m: m!, v: v! });
        await free(Object.values(before[i]!));
      }
      return norm;
    },
    async read() {
      for (const [i, blocks] of (held ?? []).entries())
        for (const name of ["p", "m", "v"] as const)
          spread(groups[i]!, await update.read(blocks[name]), ARRAYS[name]);
    },
    async release() {
      await free([...sums, ...(held ?? []).flatMap(Object.values)]);
      for (const session of [update, adder, square]) await session.release();
    },
  };
}

const zeroMoments = ({ data }: Trainable): Moments => ({
  m: new Float32Array(data.length),
  v: new Float32Array(data.length),
});

/** Of any number of rows. */
const BLOCK = ["R", WIDTH];

/** AdamW as `adamw` has it, of blocks [R, WIDTH]. */
function updateGraph(): Record<string, Tensor> {
  const block = (name: string) => input(name, BLOCK);
  const factor = (name: string) => input(name, []);
  const g = mul(block("g"), factor("gradientScale"));
  const m = add(scale(block("m"), BETA1), scale(g, 1 - BETA1));
  const v = add(scale(block("v"), BETA2), scale(mul(g, g), 1 - BETA2));
  const change = div(mul(m, factor("rate")), shift(mul(sqrt(v), factor("correction")), EPSILON));
  return { "next p": sub(mul(block("p"), factor("keep")), change), "next m": m, "next v": v };
}

function factors(
  { step, learningRate, weightDecay, maxGradNorm, lossScale = 1 }: OptimizerStep,
  { decayed, rate }: FlatGroup,
  norm: number,
): Record<string, TensorData> {
  const own = learningRate * rate;
  return {
    gradientScale: number(Math.min(1, maxGradNorm / (norm + 1e-6)) / lossScale),
    keep: number(1 - own * (decayed ? weightDecay : 0)),
    rate: number(own / (1 - BETA1 ** step)),
    correction: number(1 / Math.sqrt(1 - BETA2 ** step)),
  };
}

const number = (value: number): TensorData => ({
  dtype: "float32",
  shape: [],
  data: Float32Array.of(value),
});

/** Σ g² of a block, summed row by row first, which many threads do at once. */
function squareGraph(): Record<string, Tensor> {
  const g = input("g", BLOCK);
  return { squares: sumAll(sum(mul(g, g), [1])) };
}
