import {
  COMPUTE_TYPE,
  defineOp,
  requireFloat,
  requireSameType,
  ShapeError,
  sameShape,
  show,
  type Tensor,
  type TensorType,
} from "../tensor.ts";
import { mul, reciprocal, shift, sqrt, sub } from "./elementwise.ts";
import { mean } from "./reduce.ts";

interface Epsilon {
  eps: number;
}

/**
 * Root mean square norm over the last axis (Zhang & Sennrich 2019, https://arxiv.org/abs/1910.07467):
 *   y = x · rstd · weight,  rstd = 1 / sqrt(mean(x²) + eps)
 * x [..., D], weight [D] -> y [..., D]. eps sits inside the root, as in Llama.
 */
export const rmsNorm = defineOp<[x: Tensor, weight: Tensor], Epsilon>({
  name: "rmsNorm",
  rowWise: () => "first input",
  infer([x, weight]) {
    requireLastAxis("rmsNorm", x, weight);
    return x;
  },
  lower(w, [x, weight], { eps }, _, { dtype }) {
    if (dtype === COMPUTE_TYPE)
      return w.node("SimplifiedLayerNormalization", [x, weight], { axis: -1, epsilon: { float: eps } });
    const meanSquare = w.node("ReduceMean", [w.node("Mul", [x, x]), w.ints([-1])], { keepdims: 1 });
    const rms = w.node("Sqrt", [w.node("Add", [meanSquare, w.scalar(eps, dtype)])]);
    return w.node("Mul", [w.node("Div", [x, rms]), weight]);
  },
  // With n = x · rstd and dn = dy · weight:  dx = rstd · (dn - n · mean(dn · n)),  dweight = dy · n.
  vjp([x, weight], dy, { eps }) {
    const rstd = inverseRoot(mean(mul(x, x), [-1]), eps);
    const n = mul(x, rstd);
    const dn = mul(dy, weight);
    return [mul(rstd, sub(dn, mul(n, mean(mul(dn, n), [-1])))), mul(dy, n)];
  },
});

/**
 * Layer norm over the last axis (Ba et al. 2016, https://arxiv.org/abs/1607.06450):
 *   y = (x - mean) · rstd · weight + bias,  rstd = 1 / sqrt(variance + eps)
 * x [..., D], weight [D], bias [D] -> y [..., D].
 */
export const layerNorm = defineOp<[x: Tensor, weight: Tensor, bias: Tensor], Epsilon>({
  name: "layerNorm",
  rowWise: () => "first input",
  infer([x, weight, bias]) {
    requireLastAxis("layerNorm", x, weight);
    requireLastAxis("layerNorm", x, bias);
    return x;
  },
  lower: (w, names, { eps }) => w.node("LayerNormalization", names, { axis: -1, epsilon: { float: eps } }),
  // With n = (x - mean) · rstd and dn = dy · weight:  dx = rstd · (dn - mean(dn) - n · mean(dn · n)).
  vjp([x, weight], dy, { eps }) {
    const centred = sub(x, mean(x, [-1]));
    const rstd = inverseRoot(mean(mul(centred, centred), [-1]), eps);
    const n = mul(centred, rstd);
    const dn = mul(dy, weight);
    const dx = mul(rstd, sub(sub(dn, mean(dn, [-1])), mul(n, mean(mul(dn, n), [-1]))));
    return [dx, mul(dy, n), dy];
  },
});

const inverseRoot = (meanSquare: Tensor, eps: number) => reciprocal(sqrt(shift(meanSquare, eps)));

function requireLastAxis(op: string, x: TensorType, weight: TensorType): void {
  requireFloat(op, x);
  requireSameType(op, x, weight);
  if (!sameShape(weight.shape, x.shape.slice(-1)))
    throw new ShapeError(op, `${show(weight)} is not as long as the last axis of ${show(x)}`);
}
