import { defineOp, frontAxis, requireFloat, type Tensor } from "../tensor.ts";
import { exp, mul, sub } from "./elementwise.ts";
import { sum } from "./reduce.ts";

/** exp(x) / sum(exp(x)) over the last axis. */
export const softmax = defineOp<[x: Tensor]>({
  name: "softmax",
  rowWise: () => "first input",
  infer([x]) {
    requireFloat("softmax", x);
    frontAxis("softmax", x, -1);
    return x;
  },
  lower: (w, [x]) => w.node("Softmax", [x], { axis: -1 }),
  vjp: (_, dy, __, y) => [mul(y, sub(dy, sum(mul(dy, y), [-1])))],
});

/** x - log(sum(exp(x))) over the last axis. */
export const logSoftmax = defineOp<[x: Tensor]>({
  name: "logSoftmax",
  kept: "matrix",
  rowWise: () => "first input",
  infer([x]) {
    requireFloat("logSoftmax", x);
    frontAxis("logSoftmax", x, -1);
    return x;
  },
  lower(w, [x]) {
    if (w.dialect !== "gpu") return w.node("LogSoftmax", [x], { axis: -1 });
    const largest = w.node("ReduceMax", [x, w.ints([-1])], { keepdims: 1 });
    const below = w.node("Sub", [x, largest]);
    const total = w.node("ReduceSum", [w.node("Exp", [below]), w.ints([-1])], { keepdims: 1 });
    return w.node("Sub", [below, w.node("Log", [total])]);
  },
  vjp: (_, dy, __, y) => [sub(dy, mul(exp(y), sum(dy, [-1])))],
});
