import { broadcast, defineOp, requireSameType, ShapeError, sameShape, show, type Tensor } from "../tensor.ts";
import { add, exp, log, mul, sigmoid, sub, tanh, scale as times } from "./elementwise.ts";
import { matmul } from "./matmul.ts";
import { max, sum } from "./reduce.ts";

export interface SoftmaxAttentionAttributes {
  scale: number;
  /** Bounds the scaled products x before the mask: softcap · tanh(x / softcap) (Gemma 2). */
  softcap?: number;
  /** A score that no key has but takes its share of the weights (GPT-OSS), [..., 1, 1] with q's leading axes. */
  sinks?: Tensor;
}

/**
 * Softmax attention (Vaswani et al. 2017): softmax(scale · q·kᵀ + mask) · v over the last two axes.
 * q [..., T, E], k and v [..., N, E] with leading axes that broadcast to q's, mask [T, N] -> [..., T, E].
 * A backward pass that computes it again (Dao et al. 2022, https://arxiv.org/abs/2205.14135) works the weights out once
 * for the output and for all gradients: of a layer's attention only q, k and v outlive the forward pass.
 */
export function softmaxAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  mask: Tensor,
  { scale, softcap, sinks }: SoftmaxAttentionAttributes,
): Tensor {
  requireHeads(q, k, v, mask);
  const products = matmul(q, k, { transB: true, alpha: scale }); // [..., T, N]
  const scores = softcap === undefined ? products : times(tanh(times(products, 1 / softcap)), softcap);
  const seen = add(scores, mask);
  const y = attended(attentionWeights(seen), v);
  return sinks ? mul(y, sigmoid(sub(logSumExp(seen), sinks))) : y;
}

/** log Σ eˣ over the last axis, kept as size 1. */
function logSumExp(x: Tensor): Tensor {
  const most = max(x, [-1]);
  return add(log(sum(exp(sub(x, most)), [-1])), most);
}

function requireHeads(q: Tensor, k: Tensor, v: Tensor, mask: Tensor): void {
  for (const t of [k, v, mask]) requireSameType("softmaxAttention", q, t);
  const [T, N, E] = [q.shape.at(-2), k.shape.at(-2), q.shape.at(-1)];
  const leading = broadcast("softmaxAttention", q, { ...k, shape: k.shape.with(-2, 1) });
  const fits = k.shape.at(-1) === E && sameShape(k.shape, v.shape) && sameShape(mask.shape, [T!, N!]);
  if (!fits || !sameShape(leading, q.shape))
    throw new ShapeError("softmaxAttention", [q, k, v, mask].map(show).join(", "));
}

/** P = softmax(scores); the gradient that comes, `attended`'s, is centred already: dscores = P · (dP - Σ dP · P). */
const attentionWeights = defineOp<[scores: Tensor]>({
  name: "attentionWeights",
  infer: ([scores]) => scores,
  lower: (w, [scores]) => w.node("Softmax", [scores], { axis: -1 }),
  vjp: (_, dP, __, P) => [mul(P, dP)],
});

/** P · v. The sum over keys of dP · P, by which dP = dy · vᵀ is centred, is the far smaller one over E of dy · y. */
const attended = defineOp<[P: Tensor, v: Tensor]>({
  name: "attended",
  infer: ([P, v]) => ({ dtype: P.dtype, shape: P.shape.with(-1, v.shape.at(-1)!) }),
  lower: (w, names) => w.node("MatMul", names),
  vjp: ([P, v], dy, _, y) => [
    sub(matmul(dy, v, { transB: true }), sum(mul(dy, y), [-1])),
    matmul(P, dy, { transA: true }),
  ],
});
