import { apply, type DType, type Tensor } from "./tensor.ts";

/** Whether a forward value is computed again in the backward pass instead of being kept. */
export type Recompute = (t: Tensor) => boolean;

/**
 * Each of `order` as the backward pass should read it: itself where it is kept, else a copy of the operations that lead
 * to it from what is kept (Chen et al. 2016, https://arxiv.org/abs/1604.06174).
 *
 * All copies are made before the first backward operation, though computed after: the runtime walks from the outputs
 * back and visits an operation's youngest input first, so the incoming gradient, younger than any copy, is complete
 * before a copy is computed. And it must not merge equal values, or copies fall together with their originals.
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
 * What a step whose forward pass is `order` computes again. A quantized base is chosen for little memory: one in six of its
 * blocks, the first ones, keep their inputs alone. In a step of 0.5B's shape that is an eighth less of all that is kept,
 * for 4% of the time.
 */
export function recomputed(order: readonly Tensor[]): Recompute {
  if (!order.some(({ op, dtype }) => op.name === "weight" && CODES.has(dtype))) return recomputeCheap;
  const inputs = order.filter(isBlockInput);
  const end = inputs[Math.floor(inputs.length / 6)]?.id ?? 0;
  return (t) => (t.id < end ? t.op.name !== "keep" : recomputeCheap(t));
}

const CODES = new Set<DType>(["uint8", "int8"]);

/** Decoders mark them. */
const isBlockInput = ({ op, shape: [rows] }: Tensor) => op.name === "keep" && typeof rows === "string";

/**
 * Keeps what is dear to compute and small to keep: the outputs of linear layers and the residual stream. Computes again
 * what is cheap: widened weights, norms, rotations, activations, and attention, whose gradient needs its weights anyway.
 */
export const recomputeCheap: Recompute = (t) =>
  !(t.op.name === "keep" || (t.shape.length === 2 && KEPT_MATRICES.has(t.op.name)));

const KEPT_MATRICES = new Set(["matmul", "quantizedMatmul", "add", "gather", "logSoftmax"]);
