import type { OnnxWriter } from "../onnx/writer.ts";
import { scalar } from "../sources.ts";
import { type DType, defineOp, requireFloat, type Tensor } from "../tensor.ts";
import { add, erf, exp, mul, scale, shift, sigmoid, sub, tanh } from "./elementwise.ts";

/** Gradients are worked out from `x` alone, so that nothing else of an activation outlives the forward pass. */
function activation(
  name: string,
  lower: (w: OnnxWriter, x: string, dtype: DType) => string,
  derivative: (x: Tensor) => Tensor,
) {
  return defineOp<[x: Tensor]>({
    name,
    rowWise: () => "every input",
    infer([x]) {
      requireFloat(name, x);
      return x;
    },
    lower: (w, [x], _, __, { dtype }) => lower(w, x, dtype),
    vjp: ([x], dy) => [mul(dy, derivative(x))],
  });
}

/** x · s where s is sigmoid(x): one sigmoid serves the product and its gradient. */
const gateBySigmoid = defineOp<[x: Tensor, s: Tensor]>({
  name: "silu",
  rowWise: () => "every input",
  infer: ([x]) => x,
  lower: (w, [x, s]) => w.node("Mul", [x, s]),
  vjp: ([, s], dy, _, y) => [mul(dy, add(mul(y, sub(scalar(1, s), s)), s)), null],
});

/** x · sigmoid(x) (Elfwing et al. 2017, https://arxiv.org/abs/1702.03118); "silu" and "swish" of config.json. */
export const silu = (x: Tensor): Tensor => gateBySigmoid(x, sigmoid(x));

/** log(1 + eˣ), a smooth max(x, 0); worked out as max(x, 0) + log(1 + e^-|x|). */
export const softplus = activation(
  "softplus",
  (w, x, dtype) => {
    const power = w.node("Exp", [w.node("Neg", [w.node("Abs", [x])])]);
    const rest = w.node("Log", [w.node("Add", [power, w.scalar(1, dtype)])]);
    return w.node("Add", [w.node("Relu", [x]), rest]);
  },
  sigmoid,
);

/** x · Φ(x), Φ the normal distribution (Hendrycks & Gimpel 2016, https://arxiv.org/abs/1606.08415); "gelu". */
export const gelu = activation(
  "gelu",
  (w, x, dtype) => {
    const e = w.node("Erf", [w.node("Mul", [x, w.scalar(Math.SQRT1_2, dtype)])]);
    const phi = w.node("Mul", [w.node("Add", [e, w.scalar(1, dtype)]), w.scalar(0.5, dtype)]);
    return w.node("Mul", [x, phi]);
  },
  (x) => {
    const phi = scale(shift(erf(scale(x, Math.SQRT1_2)), 1), 0.5);
    const density = scale(exp(scale(mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return add(phi, mul(x, density));
  },
);

const ROOT = Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715;

/** gelu with tanh in Φ's place; "gelu_new", "gelu_pytorch_tanh" and "gelu_fast". */
export const geluTanh = activation(
  "geluTanh",
  (w, x, dtype) => {
    const square = w.node("Mul", [x, x]);
    const inner = w.node("Add", [w.node("Mul", [square, w.scalar(CUBIC, dtype)]), w.scalar(1, dtype)]);
    const t = w.node("Tanh", [w.node("Mul", [w.node("Mul", [x, inner]), w.scalar(ROOT, dtype)])]);
    return w.node("Mul", [x, w.node("Mul", [w.node("Add", [t, w.scalar(1, dtype)]), w.scalar(0.5, dtype)])]);
  },
  (x) => {
    const square = mul(x, x);
    const t = tanh(scale(mul(x, shift(scale(square, CUBIC), 1)), ROOT));
    const slope = scale(shift(scale(square, 3 * CUBIC), 1), ROOT);
    const bend = mul(mul(x, sub(scalar(1, x), mul(t, t))), slope);
    return scale(add(shift(t, 1), bend), 0.5);
  },
);
