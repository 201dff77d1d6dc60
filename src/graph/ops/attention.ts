import { scalar } from "../sources.ts";
import { broadcast, defineOp, requireSameType, ShapeError, sameShape, show, type Tensor } from "../tensor.ts";
import { add, mul, sub, tanh, scale as times } from "./elementwise.ts";
import { matmul } from "./matmul.ts";
import { sum } from "./reduce.ts";
import { softmax } from "./softmax.ts";

export interface SoftmaxAttentionAttributes {
  scale: number;
  /** Bounds the scaled products x before the mask: softcap · tanh(x / softcap) (Gemma 2). */
  softcap?: number;
}

/**
 * Softmax attention (Vaswani et al. 2017): softmax(scale · q·kᵀ + mask) · v over the last two axes.
 * q [..., T, E], k and v [..., N, E] with leading axes that broadcast to q's, mask [T, N] -> [..., T, E].
 * Its gradient works the weights out again from q and k (Dao et al. 2022, https://arxiv.org/abs/2205.14135): nothing of
 * size T·N outlives the forward pass. No gradient reaches the mask.
 */
export const softmaxAttention = defineOp<
  [q: Tensor, k: Tensor, v: Tensor, mask: Tensor],
  SoftmaxAttentionAttributes
>({
  name: "softmaxAttention",

  infer([q, k, v, mask]) {
    for (const t of [k, v, mask]) requireSameType("softmaxAttention", q, t);
    const [T, N, E] = [q.shape.at(-2), k.shape.at(-2), q.shape.at(-1)];
    const leading = {
      dtype: q.dtype,
      shape: broadcast("softmaxAttention", q, { ...k, shape: k.shape.with(-2, 1) }),
    };
    const fits = k.shape.at(-1) === E && sameShape(k.shape, v.shape) && sameShape(mask.shape, [T!, N!]);
    if (!fits || !sameShape(leading.shape, q.shape))
      throw new ShapeError("softmaxAttention", [q, k, v, mask].map(show).join(", "));
    return q;
  },

  lower(w, [q, k, v, mask], { scale, softcap }, _, { dtype, shape }) {
    const products =
      dtype === "float32"
        ? w.node("FusedMatMul", [q, k], { transA: 0, transB: 1, alpha: { float: scale } })
        : w.node("Mul", [
            w.node("MatMul", [q, w.node("Transpose", [k], { perm: swapLast(shape.length) })]),
            w.scalar(scale, dtype),
          ]);
    const bounded = (cap: number) =>
      w.node("Mul", [
        w.node("Tanh", [w.node("Div", [products, w.scalar(cap, dtype)])]),
        w.scalar(cap, dtype),
      ]);
    const scores = softcap === undefined ? products : bounded(softcap);
    const weights = w.node("Softmax", [w.node("Add", [scores, mask])], { axis: -1 });
    return w.node("MatMul", [weights, v]);
  },

  // With P the weights: dv = Pᵀ·dy, dP = dy·vᵀ, dscores = P·(dP - Σ dP·P), and Σ over keys of dP·P is Σ over E of dy·y.
  // Where scores are bounded, dproducts = dscores · (1 - tanh²).
  vjp([q, k, v, mask], dy, { scale, softcap }, y) {
    const products = matmul(q, k, { transB: true, alpha: scale }); // [..., T, N]
    const t = softcap === undefined ? undefined : tanh(times(products, 1 / softcap));
    const P = softmax(add(t ? times(t, softcap!) : products, mask));
    const dP = matmul(dy, v, { transB: true });
    const dscores = mul(P, sub(dP, sum(mul(dy, y), [-1])));
    const dproducts = t ? mul(dscores, sub(scalar(1, t), mul(t, t))) : dscores;
    return [
      matmul(dproducts, k, { alpha: scale }),
      matmul(dproducts, q, { transA: true, alpha: scale }),
      matmul(P, dy, { transA: true }),
      null,
    ];
  },
});

const swapLast = (rank: number) =>
  Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));
