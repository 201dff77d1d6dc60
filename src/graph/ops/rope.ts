import {
  COMPUTE_TYPE,
  defineOp,
  requireSameType,
  ShapeError,
  sameShape,
  show,
  sizeOf,
  type Tensor,
  type TensorType,
} from "../tensor.ts";
import { neg } from "./elementwise.ts";

/**
 * Rotary position embedding (Su et al. 2021, https://arxiv.org/abs/2104.09864) of x [T, ..., E], token by token:
 * with cos and sin [T, R/2], the first R entries of each head of E turn, by halves as transformers pairs them,
 * (x1, x2) -> (x1·cos - x2·sin, x2·cos + x1·sin); the rest stays. The gradient is the rotation back. No gradient reaches
 * the angles.
 */
export const rope = defineOp<[x: Tensor, cos: Tensor, sin: Tensor]>({
  name: "rope",
  infer([x, cos, sin]) {
    const { size } = headsOf(x);
    const half = cos.shape.at(-1);
    if (typeof half !== "number" || half < 1 || 2 * half > size)
      throw new ShapeError("rope", `${show(cos)} is not half as wide as ${show(x)}, or less`);
    for (const angles of [cos, sin]) {
      requireSameType("rope", x, angles);
      if (!sameShape(angles.shape, [x.shape[0]!, half]))
        throw new ShapeError("rope", `${show(angles)} is not [${x.shape[0]}, ${half}], as ${show(x)} needs`);
    }
    return x;
  },
  lower(w, [x, cos, sin], _, [type, angles]) {
    const { heads, size } = headsOf(type);
    const rotated = 2 * (angles.shape[1] as number);
    const part = rotated < size && { rotary_embedding_dim: rotated };
    const head = type.shape.slice(1) as number[];
    // To [1, T, heads·E] and back in two nodes each: in one, T would be worked out in the run, and without its name the
    // runtime can't tell which buffers of later values fit (0.13 GB more in a 4-bit step of 0.5B's shape).
    const batch = w.node("Unsqueeze", [x, w.ints([0])]);
    const row = w.node("Reshape", [batch, w.ints([0, 0, heads * size])]);
    const turned = w.contributed("RotaryEmbedding", [row, w.ints([0]), cos, sin], {
      num_heads: heads,
      ...part,
    });
    const apart = w.node("Reshape", [turned, w.ints([0, 0, ...head])]);
    return w.node("Squeeze", [apart, w.ints([0])]);
  },
  vjp: ([, cos, sin], dy): [Tensor, null, null] => [rope(dy, cos, negated(sin)), null, null],
});

function headsOf(x: TensorType): { heads: number; size: number } {
  const head = x.shape.slice(1);
  if (x.dtype !== COMPUTE_TYPE || !head.length || head.some((d) => typeof d === "string"))
    throw new ShapeError(
      "rope",
      `expects ${COMPUTE_TYPE} heads of known sizes, token by token, got ${show(x)}`,
    );
  const size = head.at(-1) as number;
  return { heads: sizeOf(head) / size, size };
}

const negatives = new WeakMap<Tensor, Tensor>();

/** -x: one tensor for all layers' gradients. */
function negated(x: Tensor): Tensor {
  const known = negatives.get(x) ?? neg(x);
  negatives.set(x, known);
  return known;
}
