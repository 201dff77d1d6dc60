import { OnnxWriter } from "../onnx/writer.ts";
import { scalar } from "../sources.ts";
import {
  broadcast,
  type DType,
  defineOp,
  requireFloat,
  requireSameType,
  ShapeError,
  show,
  type Tensor,
} from "../tensor.ts";

type Pair = [a: Tensor, b: Tensor];
type One = [x: Tensor];

/** Entry by entry is row by row, too. */
const rowWise = () => "every input" as const;

function binary(
  name: string,
  onnx: string,
  vjp: (a: Tensor, b: Tensor, dy: Tensor, y: Tensor) => [Tensor | null, Tensor | null],
  kept?: "matrix",
) {
  return defineOp<Pair>({
    name,
    kept,
    rowWise,
    infer([a, b]) {
      requireSameType(name, a, b);
      return { dtype: a.dtype, shape: broadcast(name, a, b) };
    },
    lower: (w, [a, b]) => w.node(onnx, [a, b]),
    vjp: ([a, b], dy, _, y) => vjp(a, b, dy, y),
  });
}

export const add = binary("add", "Add", (_a, _b, dy) => [dy, dy], "matrix");
export const sub = binary("sub", "Sub", (_a, _b, dy) => [dy, neg(dy)]);
export const mul = binary("mul", "Mul", (a, b, dy) => [mul(dy, b), mul(dy, a)]);
export const div = binary("div", "Div", (_a, b, dy, y) => [div(dy, b), neg(div(mul(dy, y), b))]);

function unary(
  name: string,
  onnx: string,
  vjp: (x: Tensor, dy: Tensor, y: Tensor) => Tensor,
  roughOnGpu?: boolean,
) {
  return defineOp<One>({
    name,
    rowWise,
    roughOnGpu,
    infer([x]) {
      if (name !== "neg") requireFloat(name, x);
      return x;
    },
    lower: (w, [x]) => w.node(onnx, [x]),
    vjp: ([x], dy, _, y) => [vjp(x, dy, y)],
  });
}

export const neg = unary("neg", "Neg", (_x, dy) => neg(dy));
export const exp = unary("exp", "Exp", (_x, dy, y) => mul(dy, y));
export const log = unary("log", "Log", (x, dy) => div(dy, x));
export const sqrt = unary("sqrt", "Sqrt", (_x, dy, y) => scale(div(dy, y), 0.5));
export const reciprocal = unary("reciprocal", "Reciprocal", (_x, dy, y) => neg(mul(dy, mul(y, y))));
export const tanh = unary("tanh", "Tanh", (_x, dy, y) => mul(dy, sub(scalar(1, y), mul(y, y))));
export const sigmoid = unary("sigmoid", "Sigmoid", (_x, dy, y) => mul(dy, mul(y, sub(scalar(1, y), y))));
export const erf = unary("erf", "Erf", (x, dy) =>
  mul(dy, scale(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI))),
);
export const cos = unary("cos", "Cos", (x, dy) => neg(mul(dy, sin(x))), true);
export const sin = unary("sin", "Sin", (x, dy) => mul(dy, cos(x)), true);

/** x * factor. */
export const scale = (x: Tensor, factor: number): Tensor => mul(x, scalar(factor, x));
/** x + term. */
export const shift = (x: Tensor, term: number): Tensor => add(x, scalar(term, x));

function comparison(name: string, onnx: string) {
  return defineOp<Pair>({
    name,
    rowWise,
    infer([a, b]) {
      requireSameType(name, a, b);
      return { dtype: "bool", shape: broadcast(name, a, b) };
    },
    lower: (w, [a, b]) => w.node(onnx, [a, b]),
    vjp: () => [null, null],
  });
}

export const less = comparison("less", "Less");
export const lessOrEqual = comparison("lessOrEqual", "LessOrEqual");
export const equal = comparison("equal", "Equal");

/** Whether both conditions hold. */
export const and = defineOp<Pair>({
  name: "and",
  rowWise,
  infer([a, b]) {
    if (a.dtype !== "bool" || b.dtype !== "bool")
      throw new ShapeError("and", `expects conditions, got ${show(a)} and ${show(b)}`);
    return { dtype: "bool", shape: broadcast("and", a, b) };
  },
  lower: (w, names) => w.node("And", names),
  vjp: () => [null, null],
});

/** condition ? a : b, entry by entry. */
export const where = defineOp<[condition: Tensor, a: Tensor, b: Tensor]>({
  name: "where",
  rowWise,
  infer([condition, a, b]) {
    if (condition.dtype !== "bool")
      throw new ShapeError("where", `the condition is ${show(condition)}, not bool`);
    requireSameType("where", a, b);
    const shape = broadcast("where", condition, { dtype: a.dtype, shape: broadcast("where", a, b) });
    return { dtype: a.dtype, shape };
  },
  lower: (w, names) => w.node("Where", names),
  vjp([condition, a], dy): [null, Tensor, Tensor] {
    const zero = scalar(0, a);
    return [null, where(condition, dy, zero), where(condition, zero, dy)];
  },
});

const castOp = defineOp<One, { to: DType }>({
  name: "cast",
  rowWise,
  converts: true,
  infer: ([x], { to }) => ({ dtype: to, shape: x.shape }),
  lower: (w, [x], { to }) => w.node("Cast", [x], { to: OnnxWriter.dataType(to) }),
  vjp: ([x], dy) => [cast(dy, x.dtype)],
});

/** `x` itself when it already has the type. */
export const cast = (x: Tensor, to: DType): Tensor => (x.dtype === to ? x : castOp(x, { to }));
