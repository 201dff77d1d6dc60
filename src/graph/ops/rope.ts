import { broadcast, defineOp, requireSameType, ShapeError, sameShape, show, type Tensor } from "../tensor.ts";
import { neg } from "./elementwise.ts";

/**
 * Rotary position embedding (Su et al. 2021, https://arxiv.org/abs/2104.09864) of x [..., T, E], its halves paired as
 * transformers pairs them: (x1, x2) -> (x1·cos - x2·sin, x2·cos + x1·sin), with cos and sin [..., E/2] broadcast.
 * The gradient is the rotation back. No gradient reaches the angles.
 */
export const rope = defineOp<[x: Tensor, cos: Tensor, sin: Tensor]>({
  name: "rope",
  infer([x, cos, sin]) {
    const size = x.shape.at(-1);
    if (typeof size !== "number" || cos.shape.at(-1) !== size / 2 || sin.shape.at(-1) !== size / 2)
      throw new ShapeError("rope", `${show(x)} is not twice as wide as ${show(cos)} and ${show(sin)}`);
    const half = { dtype: x.dtype, shape: x.shape.with(-1, size / 2) };
    for (const angles of [cos, sin]) {
      requireSameType("rope", x, angles);
      if (!sameShape(broadcast("rope", half, angles), half.shape))
        throw new ShapeError("rope", `${show(angles)} has more axes or sizes than ${show(x)}`);
    }
    return x;
  },
  lower(w, [x, cos, sin]) {
    const [x1, x2] = w.nodes("Split", [x], { axis: -1, num_outputs: 2 }, 2) as [string, string];
    const y1 = w.node("Sub", [w.node("Mul", [x1, cos]), w.node("Mul", [x2, sin])]);
    const y2 = w.node("Add", [w.node("Mul", [x2, cos]), w.node("Mul", [x1, sin])]);
    return w.node("Concat", [y1, y2], { axis: -1 });
  },
  vjp: ([, cos, sin], dy): [Tensor, null, null] => [rope(dy, cos, neg(sin)), null, null],
});
