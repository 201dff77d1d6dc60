import { defineOp, ShapeError, sameShape, show, type Tensor } from "../tensor.ts";
import { exp, mul, sub } from "./elementwise.ts";
import { gather, scatterAdd } from "./indexing.ts";
import { keep } from "./keep.ts";
import { matmul } from "./matmul.ts";
import { reshape } from "./shape.ts";
import { logSoftmax } from "./softmax.ts";

/** -logProbabilities[s, targets[s]], whose gradient goes around the [S, V] matrix to hidden states and weight. */
const negativeLogLikelihood = defineOp<
  [logProbabilities: Tensor, hidden: Tensor, weight: Tensor, targets: Tensor]
>({
  name: "negativeLogLikelihood",
  infer([logProbabilities, , , targets]) {
    const rows = logProbabilities.shape.slice(0, -1);
    if (targets.dtype !== "int64" || rows.length !== 1 || !sameShape(targets.shape, rows))
      throw new ShapeError(
        "linearCrossEntropy",
        `targets ${show(targets)} of logits ${show(logProbabilities)}; expected int64[${rows}]`,
      );
    return { dtype: logProbabilities.dtype, shape: targets.shape };
  },
  lower(w, [logProbabilities, , , targets]) {
    const index = w.node("Unsqueeze", [targets, w.ints([-1])]);
    const taken = w.node("GatherElements", [logProbabilities, index], { axis: 1 });
    return w.node("Neg", [w.node("Squeeze", [taken, w.ints([-1])])]);
  },
  // With P = softmax(hidden · weightᵀ) and t the targets' one-hot rows, dlogits = dy · (P - t); t is never built:
  // t · weight is a gather of rows, tᵀ · hidden a scatter.
  vjp([logProbabilities, hidden, weight, targets], dy) {
    const P = exp(logProbabilities); // [S, V]
    const each = reshape(dy, [...dy.shape, 1]); // [S, 1]
    const weighted = mul(hidden, each); // [S, D]
    return [
      null,
      mul(sub(matmul(P, weight), gather(weight, targets)), each),
      sub(matmul(P, weighted, { transA: true }), scatterAdd(weight, targets, weighted)),
      null,
    ];
  },
});

/**
 * Cross-entropy of a linear head, row by row: -log softmax(hidden · weightᵀ)[target].
 * hidden [S, D], weight [V, D], targets [S] (int64) -> [S].
 */
export function linearCrossEntropy(hidden: Tensor, weight: Tensor, targets: Tensor): Tensor {
  const head = keep(weight); // its gradient comes next: widening it again would save nothing
  const logits = matmul(hidden, head, { transB: true });
  return negativeLogLikelihood(logSoftmax(logits), hidden, head, targets);
}
