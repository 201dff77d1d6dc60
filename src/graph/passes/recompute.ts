import { isWeight } from "../sources.ts";
import { apply, type DType, sameShape, type Tensor } from "../tensor.ts";
import { reachable } from "../walk.ts";

/** Whether a forward value is computed again in the backward pass instead of being kept. */
export type Recompute = (t: Tensor) => boolean;

/**
 * Each of `order` as the backward pass should read it: itself where it is kept, else a copy of the operations that lead
 * to it from what is kept (Chen et al. 2016, https://arxiv.org/abs/1604.06174).
 *
 * A copy runs when the backward pass needs it, since the gradient that comes in lies deeper: see `schedule`. The runtime
 * must not merge equal values, or copies fall together with their originals.
 */
export function replays(order: readonly Tensor[], recompute: Recompute): Map<Tensor, Tensor> {
  const copies = new Map<Tensor, Tensor>();
  for (const t of order) {
    const kept = t.inputs.length === 0 || !recompute(t);
    copies.set(
      t,
      kept
        ? t
        : apply(
            t.op,
            t.inputs.map((x) => copies.get(x)!),
            t.attributes,
          ),
    );
  }
  return copies;
}

/**
 * What a step whose forward pass is `order` computes again: of `whole` of its blocks, the first ones, all but what they
 * read; of the others what is cheap. The last block is never one of them, since its turn comes at once.
 *
 * Left out, that is one in six over quantized weights, which are chosen for little memory: in a step of 0.5B's shape an
 * eighth less of all that is kept, for 3% of the time. Others are none.
 */
export function recomputed(order: readonly Tensor[], whole = isQuantized(order) ? 1 / 6 : 0): Recompute {
  const inputs = blockInputs(order);
  const count = Math.min(Math.floor(inputs.length * whole), inputs.length - 1);
  const first = new Set(reachable(inputs.slice(count, count + 1)));
  return (t) => (first.has(t) ? t.op.kept !== "always" : recomputeCheap(t));
}

const isQuantized = (order: readonly Tensor[]) => order.some((t) => isWeight(t) && CODES.has(t.dtype));
const CODES = new Set<DType>(["uint8", "int8"]);

/** The residual stream [T, D] where blocks read it: decoders mark it, and what else is marked has another shape. */
function blockInputs(order: readonly Tensor[]): Tensor[] {
  const marks = order.filter(({ op, shape }) => op.kept === "always" && typeof shape[0] === "string");
  return marks.filter(({ shape }) => sameShape(shape, marks[0]!.shape));
}

/**
 * Keeps what is expensive to compute and small to keep: the outputs of linear layers and the residual stream. Computes again
 * what is cheap: widened weights, norms, rotations, activations, and attention, whose gradient needs its weights anyway.
 */
export const recomputeCheap: Recompute = ({ op: { kept }, shape }) =>
  !(kept === "always" || (kept === "matrix" && shape.length === 2));
