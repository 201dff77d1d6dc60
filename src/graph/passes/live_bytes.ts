import { BYTES } from "../sources.ts";
import type { Tensor, TensorType } from "../tensor.ts";
import { type RowSizes, sizeOfDim } from "./row_sizes.ts";
import { schedule } from "./schedule.ts";

/**
 * Most bytes that values between `outputs` and what is fed take at once, when the runtime computes them in its order and
 * frees each after its last use. Inputs and weights lie elsewhere and aren't counted, nor are outputs, but for those that
 * lie with the values until the end.
 *
 * The runtime's order (onnxruntime, graph_viewer.cc: ReverseDFSFrom over what nothing reads, inputs by their place): from
 * what was written last back to its inputs, the last written first.
 */
export function liveBytes(
  outputs: readonly Tensor[],
  sizes: RowSizes,
  outputsInside: readonly Tensor[] = [],
): number {
  const order = runtimeOrder(schedule(outputs));
  const place = new Map(order.map((t, i) => [t, i]));
  const storage = (t: Tensor): Tensor =>
    ALIASES.has(t.op.name) && place.has(t.inputs[0]!) ? storage(t.inputs[0]!) : t;
  const inside = new Set(outputsInside);
  const isFed = (t: Tensor): boolean =>
    NAMES.has(t.op.name) && (!place.has(t.inputs[0]!) || isFed(t.inputs[0]!));
  const given = new Set([...outputs.filter((t) => !inside.has(t)).map(storage), ...order.filter(isFed)]);
  const ends = new Set(outputs.map(storage));
  const lastUse = new Map<Tensor, number>();
  for (const [i, t] of order.entries())
    for (const x of t.inputs) if (place.has(x)) lastUse.set(storage(x), i);
  let [live, most] = [0, 0];
  for (const [i, t] of order.entries()) {
    const own = storage(t);
    const freed = [...new Set(t.inputs.filter((x) => place.has(x)).map(storage))].filter(
      (x) => lastUse.get(x) === i && !ends.has(x) && x !== own,
    );
    const over = freed.reduce((sum, x) => sum + bytesOf(x, sizes), 0);
    if (own === t && !given.has(t)) live += bytesOf(t, sizes);
    // An element-wise result takes the place of an input that ends there.
    const reused = IN_PLACE.has(t.op.name) && freed.some((x) => bytesOf(x, sizes) === bytesOf(t, sizes));
    const held = t.op.scratch?.(t.inputs, t.attributes) ?? [];
    const scratch = held.reduce((sum, type) => sum + bytesOf(type, sizes), 0);
    most = Math.max(most, live + scratch - (reused ? bytesOf(t, sizes) : 0));
    live -= over;
  }
  return most;
}

/** Ops that are their input by another name. */
const NAMES = new Set(["keep", "detach"]);
/** Ops whose output is their input's memory, where that was computed. */
const ALIASES = new Set([...NAMES, "reshape"]);
const IN_PLACE = new Set([
  "add",
  "sub",
  "mul",
  "div",
  "exp",
  "tanh",
  "sigmoid",
  "silu",
  "neg",
  "softmax",
  "attentionWeights",
]);

function runtimeOrder(written: readonly Tensor[]): Tensor[] {
  const index = new Map(written.map((t, i) => [t, i]));
  const read = new Set(written.flatMap(({ inputs }) => inputs));
  const isNode = (t: Tensor) => t.inputs.length > 0;
  const order: Tensor[] = [];
  const seen = new Set<Tensor>();
  const stack: { t: Tensor; leave: boolean }[] = written
    .filter((t) => isNode(t) && !read.has(t))
    .map((t) => ({ t, leave: false }));
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { t, leave } = next;
    if (leave) order.push(t);
    else if (!seen.has(t)) {
      seen.add(t);
      stack.push({ t, leave: true });
      const inputs = t.inputs.filter((x) => isNode(x) && !seen.has(x));
      inputs.sort((a, b) => index.get(a)! - index.get(b)!);
      for (const x of inputs) stack.push({ t: x, leave: false });
    }
  }
  return order;
}

const bytesOf = ({ dtype, shape }: TensorType, sizes: RowSizes): number =>
  shape.reduce<number>((n, d) => n * sizeOfDim(d, sizes), BYTES[dtype]);
