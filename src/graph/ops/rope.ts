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
import { reshape } from "./shape.ts";

/**
 * Rotary position embedding (Su et al. 2021, https://arxiv.org/abs/2104.09864) of x [T, ..., E], token by token:
 * with cos and sin [T, R/2], the first R entries of each head of E turn, by halves as transformers pairs them,
 * (x1, x2) -> (x1·cos - x2·sin, x2·cos + x1·sin); the rest stays. The gradient is the rotation back. No gradient reaches
 * the angles.
 */
export function rope(x: Tensor, cos: Tensor, sin: Tensor): Tensor {
  const { heads, size } = headsOf(x);
  const half = cos.shape.at(-1);
  if (typeof half !== "number" || half < 1 || 2 * half > size)
    throw new ShapeError("rope", `${show(cos)} is not half as wide as ${show(x)}, or less`);
  for (const angles of [cos, sin]) {
    requireSameType("rope", x, angles);
    if (!sameShape(angles.shape, [x.shape[0]!, half]))
      throw new ShapeError("rope", `${show(angles)} is not [${x.shape[0]}, ${half}], as ${show(x)} needs`);
  }
  const rows = reshape(x, [x.shape[0]!, heads * size]);
  return reshape(turned(rows, cos, sin, { heads }), x.shape);
}

/** Heads side by side, x [T, heads·E]: as linear layers give them, and as the runtime takes them. */
const turned = defineOp<[x: Tensor, cos: Tensor, sin: Tensor], { heads: number }>({
  name: "rope",
  infer: ([x]) => x,
  lower(w, [x, cos, sin], { heads }, [type, angles]) {
    const rotated = 2 * (angles.shape[1] as number);
    const part = rotated < (type.shape[1] as number) / heads && { rotary_embedding_dim: rotated };
    // The batch's axis comes and goes by nodes that leave T its name: by names the runtime tells which buffers fit.
    const batch = w.node("Unsqueeze", [x, w.ints([0])]);
    const inputs = [batch, w.ints([0]), cos, sin];
    const y = w.contributed("RotaryEmbedding", inputs, { num_heads: heads, ...part });
    return w.node("Squeeze", [y, w.ints([0])]);
  },
  vjp: ([, cos, sin], dy, { heads }): [Tensor, null, null] => [
    turned(dy, cos, negated(sin), { heads }),
    null,
    null,
  ],
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
