import { scalar } from "../sources.ts";
import { defineOp, ShapeError, sameShape, show, type Tensor } from "../tensor.ts";
import { blockMatmul, blockWeight } from "./block_matmul.ts";
import { exp, mul, neg, scale, sub, tanh } from "./elementwise.ts";
import { frozenCrossEntropy, headParts, int8CrossEntropy, int8HeadParts } from "./frozen_head.ts";
import { gather, scatterOnto } from "./indexing.ts";
import { keep } from "./keep.ts";
import { matmul } from "./matmul.ts";
import { sum } from "./reduce.ts";
import { reshape } from "./shape.ts";
import { logSoftmax } from "./softmax.ts";

interface Softcap {
  /** Logits are softcap · tanh(x / softcap) of the products x (Gemma 2); x itself when left out. */
  softcap?: number;
}

interface HeadOptions extends Softcap {
  /** Whether a frozen weight that is there in 8 bits, too, is multiplied so. */
  inIntegers?: boolean;
  /** Tokens whose logits are computed at once, where the weight is frozen. */
  headTokens?: number;
}

/**
 * -logProbabilities[s, targets[s]], whose gradient goes around the [S, V] matrix to hidden states and weight. `column` is the
 * targets [S, 1], as ONNX looks them up.
 */
const negativeLogLikelihood = defineOp<
  [
    logProbabilities: Tensor,
    products: Tensor,
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    column: Tensor,
  ],
  Softcap
>({
  name: "negativeLogLikelihood",
  infer([logProbabilities, , , , targets]) {
    const rows = logProbabilities.shape.slice(0, -1);
    if (targets.dtype !== "int64" || rows.length !== 1 || !sameShape(targets.shape, rows))
      throw new ShapeError(
        "linearCrossEntropy",
        `targets ${show(targets)} of logits ${show(logProbabilities)}; expected int64[${rows}]`,
      );
    return { dtype: logProbabilities.dtype, shape: targets.shape };
  },
  lower(w, [logProbabilities, , , , , column]) {
    const taken = w.node("GatherElements", [logProbabilities, column], { axis: 1 });
    return w.node("Neg", [w.node("Squeeze", [taken, w.ints([-1])])]);
  },
  // With P = softmax(logits) and t the targets' one-hot rows, dlogits = dy · (P - t); t is never built: t · weight is a
  // gather of rows, tᵀ · hidden a scatter. Where logits are bounded, both are scaled by the slope at their products.
  vjp([logProbabilities, products, hidden, weight, targets], dy, { softcap }) {
    const slope = (x: Tensor, y: Tensor) => (softcap === undefined ? y : mul(y, slopeOf(x, softcap)));
    const P = slope(products, exp(logProbabilities)); // [S, V]
    const rows = gather(weight, targets); // [S, D]
    const own = sum(mul(hidden, rows), [-1]); // the targets' products [S, 1]
    const each = reshape(dy, [...dy.shape, 1]); // [S, 1]
    const weighted = mul(hidden, each); // [S, D]
    return [
      null,
      null,
      mul(sub(matmul(P, weight), slope(own, rows)), each),
      scatterOnto(matmul(P, weighted, { transA: true }), targets, neg(slope(own, weighted))),
      null,
      null,
    ];
  },
});

const slopeOf = (x: Tensor, softcap: number) => {
  const t = tanh(scale(x, 1 / softcap));
  return sub(scalar(1, t), mul(t, t));
};

/** The logits of hidden [S, D] under the output layer `weight` [V, D]: [S, V]. */
export function linearLogits(hidden: Tensor, weight: Tensor, { softcap }: Softcap = {}): Tensor {
  const isInBlocks = weight.op === blockWeight.op;
  const products = isInBlocks ? blockMatmul(hidden, weight) : matmul(hidden, weight, { transB: true });
  return softcap === undefined ? products : bounded(products, softcap);
}

const bounded = (products: Tensor, softcap: number) => scale(tanh(scale(products, 1 / softcap)), softcap);

/**
 * Cross-entropy of a linear head, row by row: -log softmax(logits)[target], the logits hidden · weightᵀ, or bounded.
 * hidden [S, D], weight [V, D], targets [S] (int64) -> [S].
 */
export function linearCrossEntropy(
  hidden: Tensor,
  weight: Tensor,
  targets: Tensor,
  { softcap, inIntegers, headTokens }: HeadOptions = {},
): Tensor {
  const codes = inIntegers && softcap === undefined ? int8HeadParts(weight, headTokens) : undefined;
  if (codes) return int8CrossEntropy(hidden, weight, codes, targets);
  const parts = headParts(weight, headTokens);
  if (parts && softcap === undefined) return frozenCrossEntropy(hidden, weight, parts, targets);
  const head = keep(weight); // its gradient comes next: widening it again would save nothing
  const products = matmul(hidden, head, { transB: true });
  const column = reshape(targets, [...targets.shape, 1]);
  const logits = softcap === undefined ? products : bounded(products, softcap);
  return negativeLogLikelihood(logSoftmax(logits), products, hidden, head, targets, column, { softcap });
}
