import { defineOp, frontAxis, type Shape, sameShape, type Tensor, type TensorType } from "../tensor.ts";
import { scale } from "./elementwise.ts";
import { expandLike, reshape, squeezeFront } from "./shape.ts";

type Axes = { axes: readonly number[] };

/** Reductions keep the reduced axes, as size 1: what follows broadcasts. ONNX reads "no axes" as all of them. */
const kept = (name: string, x: TensorType, axes: readonly number[]): Shape => {
  const front = axes.map((axis) => frontAxis(name, x, axis));
  return x.shape.map((d, i) => (front.includes(i) ? 1 : d));
};

const sumOp = defineOp<[x: Tensor], Axes>({
  name: "sum",
  infer: ([x], { axes }) => ({ dtype: x.dtype, shape: kept("sum", x, axes) }),
  lower: (w, [x], { axes }) => w.node("ReduceSum", [x, w.ints(axes)], { keepdims: 1 }),
  vjp: ([x], dy) => [expandLike(dy, x)],
});

const meanOp = defineOp<[x: Tensor], Axes>({
  name: "mean",
  infer: ([x], { axes }) => ({ dtype: x.dtype, shape: kept("mean", x, axes) }),
  lower: (w, [x], { axes }) => w.node("ReduceMean", [x, w.ints(axes)], { keepdims: 1 }),
  vjp([x], dy, { axes }) {
    const sizes = axes.map((axis) => x.shape[frontAxis("mean", x, axis)]!);
    if (sizes.some((d) => typeof d !== "number"))
      throw new Error("mean over a size known only at run time has no gradient rule");
    return [expandLike(scale(dy, 1 / (sizes as number[]).reduce((n, d) => n * d, 1)), x)];
  },
});

const maxOp = defineOp<[x: Tensor], Axes>({
  name: "max",
  infer: ([x], { axes }) => ({ dtype: x.dtype, shape: kept("max", x, axes) }),
  lower: (w, [x], { axes }) => w.node("ReduceMax", [x, w.ints(axes)], { keepdims: 1 }),
  vjp: () => [null],
});

/** Largest over `axes`, kept as size 1. It has no gradient. */
export const max = (x: Tensor, axes: readonly number[]): Tensor => (axes.length ? maxOp(x, { axes }) : x);
/** Sum over `axes`, kept as size 1. */
export const sum = (x: Tensor, axes: readonly number[]): Tensor => (axes.length ? sumOp(x, { axes }) : x);
/** Mean over `axes`, kept as size 1. */
export const mean = (x: Tensor, axes: readonly number[]): Tensor => (axes.length ? meanOp(x, { axes }) : x);

/** Sum over everything, shape []. */
export const sumAll = (x: Tensor): Tensor =>
  reshape(
    sum(
      x,
      x.shape.map((_, i) => i),
    ),
    [],
  );

/** Undoes broadcasting: sums `x` down to `shape`. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  const extra = x.shape.length - shape.length;
  const axes = x.shape.flatMap((d, i) => (i < extra || (shape[i - extra] === 1 && d !== 1) ? [i] : []));
  const result = squeezeFront(sum(x, axes), extra);
  if (!sameShape(result.shape, shape)) throw new Error(`cannot sum ${x.shape} down to ${shape}`);
  return result;
}
