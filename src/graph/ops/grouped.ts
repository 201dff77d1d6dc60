/** Rows in groups, one behind the other: those of each expert of a mixture. */
import { PLAIN, product } from "../onnx/product.ts";
import type { OnnxWriter } from "../onnx/writer.ts";
import {
  type Dim,
  defineOp,
  requireSameType,
  ShapeError,
  sameShape,
  show,
  type Tensor,
  type TensorType,
} from "../tensor.ts";
import { reshape, slice } from "./shape.ts";

/** As many as T rows have places, `count` each, and `spare` ones. */
const placesOf = (rows: Dim, count: number, spare: number): Dim =>
  typeof rows === "number" ? rows * count + spare : `${rows}*${count}+${spare}`;

/**
 * Which of T·k entries has each of T·k + `spare` places, T·k where none has it: int32 [T*k+spare] of places [T, k] (int32), which
 * are all different.
 */
export const inverseOrder = defineOp<[places: Tensor], { spare: number }>({
  name: "inverseOrder",
  infer([places], { spare }) {
    const [rows, count] = places.shape;
    if (places.dtype !== "int32" || places.shape.length !== 2 || typeof count !== "number")
      throw new ShapeError("inverseOrder", `expects int32 [T, k], got ${show(places)}`);
    return { dtype: "int32", shape: [placesOf(rows!, count, spare)] };
  },
  lower(w, [places], { spare }) {
    if (w.dialect === "gpu") return inverseOnGpu(w, places, spare);
    const flat = w.node("Reshape", [places, w.ints([-1])]);
    const size = w.node("Shape", [flat]);
    const all = w.node("Add", [size, w.ints([spare])]);
    const number = (value: number) => w.scalar(value, "int32");
    const end = w.node("Squeeze", [w.node("Cast", [size], { to: INT32 })]);
    const entries = w.node("Range", [number(0), end, number(1)]);
    return w.node("ScatterElements", [w.node("Expand", [end, all]), flat, entries], { axis: 0 });
  },
  vjp: () => [null],
});

/** Without sizes as integers, which the CPU would compute: no number is less than itself, and ones are counted. */
function inverseOnGpu(w: OnnxWriter, places: string, spare: number): string {
  const column = w.node("Reshape", [places, w.ints([-1, 1])]);
  const zeros = w.node("Cast", [w.node("Less", [column, column])], { to: FLOAT }); // [T*k, 1]
  const ones = w.node("Add", [zeros, w.scalar(1, "float32")]);
  const entries = w.node("CumSum", [ones, w.scalar(0, "int32")], { exclusive: 1 });
  const count = w.node("ReduceSum", [ones, w.ints([0])], { keepdims: 1 }); // [1, 1]
  const none = [w.node("Add", [zeros, count])];
  if (spare > 0) none.push(w.node("Expand", [count, w.ints([spare, 1])]));
  const start = spare > 0 ? w.node("Concat", none, { axis: 0 }) : none[0]!;
  const order = w.node("ScatterND", [start, w.node("Cast", [column], { to: INT64 }), entries]);
  return w.node("Cast", [w.node("Reshape", [order, w.ints([-1])])], { to: INT32 });
}

const FLOAT = 1;
const INT32 = 6; // TensorProto.DataType
const INT64 = 7;

type Placed = [x: Tensor, order: Tensor, places: Tensor];

/**
 * Rows x [T, k, ...row], or [T, 1, ...row] for all k, at their places, and zeros at spare ones: [T*k+spare, ...row]. `order` is the
 * inverse of `places`.
 */
export const toPlaces = defineOp<Placed>({
  name: "toPlaces",
  infer: ([x, order]) => ({ dtype: x.dtype, shape: [order.shape[0]!, ...x.shape.slice(2)] }),
  lower(w, [x, order], _, [type, , { shape }]) {
    const row = type.shape.slice(2) as number[];
    const flat = w.node("Reshape", [x, w.ints([-1, ...row])]);
    const none = w.node("Expand", [w.scalar(0, type.dtype), w.ints([1, ...row])]);
    const all = w.node("Concat", [flat, none], { axis: 0 });
    const isOne = type.shape[1] === 1 && shape[1] !== 1;
    const from = isOne ? w.node("Div", [order, w.scalar(shape[1] as number, "int32")]) : order;
    return w.node("Gather", [all, from], { axis: 0 });
  },
  vjp: ([, order, places], dy): [Tensor, null, null] => [fromPlaces(dy, order, places), null, null],
});

/** Rows y [T*k+spare, ...row] back from their places: [T, k, ...row]. */
export const fromPlaces = defineOp<Placed>({
  name: "fromPlaces",
  infer: ([y, , places]) => ({ dtype: y.dtype, shape: [...places.shape, ...y.shape.slice(1)] }),
  lower: (w, [y, , places]) => w.node("Gather", [y, places], { axis: 0 }),
  vjp: ([, order, places], dy): [Tensor, null, null] => [toPlaces(dy, order, places), null, null],
});

/** The matrix of each group is [out, in]; [in, out] where they aren't `turned`. */
interface Turned {
  turned: boolean;
}
type Grouped = [x: Tensor, counts: Tensor, ...weights: Tensor[]];

/**
 * x [R, in], whose first rows belong to the first of n groups and so on, times the matrix of each row's group: [R, out].
 * `counts` [n] says how many rows each has; the matrices come one by one, or as one tensor with n of them.
 */
export const groupedMatmul = defineOp<Grouped, Turned>({
  name: "groupedMatmul",
  kept: "matrix",
  infer([x, counts, ...weights], { turned }) {
    const [first] = weights as [Tensor];
    const [inner, out] = turned ? first.shape.slice(-2).toReversed() : first.shape.slice(-2);
    const n = first.shape.length === 3 ? first.shape[0] : weights.length;
    for (const weight of weights) requireSameType("groupedMatmul", x, weight);
    const fits = weights.every((weight) => sameShape(weight.shape, first.shape));
    if (!fits || inner !== x.shape[1] || counts.shape[0] !== n)
      throw new ShapeError("groupedMatmul", [x, counts, first].map(show).join(", "));
    return { dtype: x.dtype, shape: [x.shape[0]!, out!] };
  },
  lower(w, [x, counts, ...weights], { turned }, [type, , first]) {
    const matrices = first!.shape.length === 3 ? matricesOf(w, weights[0]!, first!) : weights;
    const parts = groupsOf(w, x, counts, matrices.length);
    const matrix = { dtype: type.dtype, shape: first!.shape.slice(-2) };
    const products = parts.map((part, i) =>
      product(w, part, matrices[i]!, { ...PLAIN, transB: turned }, [type, matrix]),
    );
    return products.length === 1 ? products[0]! : w.node("Concat", products, { axis: 0 });
  },
  vjp([x, counts, ...weights], dy, { turned }): [Tensor, null, ...Tensor[]] {
    const all = turned ? groupedOuter(dy, x, counts) : groupedOuter(x, dy, counts);
    const [first] = weights as [Tensor];
    const own = (i: number) => reshape(slice(all, 0, i, i + 1), first.shape);
    return [
      groupedMatmul(dy, counts, ...weights, { turned: !turned }),
      null,
      ...(first.shape.length === 3 ? [all] : weights.map((_, i) => own(i))),
    ];
  },
});

/** aᵀ · b of each group's rows, a [R, p] and b [R, q]: [n, p, q]. It has no gradient. */
export const groupedOuter = defineOp<[a: Tensor, b: Tensor, counts: Tensor]>({
  name: "groupedOuter",
  infer: ([a, b, counts]) => ({ dtype: a.dtype, shape: [counts.shape[0]!, a.shape[1]!, b.shape[1]!] }),
  lower(w, [a, b, counts], _, [, , { shape }]) {
    const n = shape[0] as number;
    const [left, right] = [groupsOf(w, a, counts, n), groupsOf(w, b, counts, n)];
    const products = left.map((part, i) => {
      const turned = w.node("Transpose", [part], { perm: [1, 0] });
      return w.node("Unsqueeze", [w.node("MatMul", [turned, right[i]!]), w.ints([0])]);
    });
    return products.length === 1 ? products[0]! : w.node("Concat", products, { axis: 0 });
  },
  vjp: () => [null, null, null],
});

/** The rows of each group, which `counts` says how many are. */
export function groupsOf(w: OnnxWriter, x: string, counts: string, n: number): string[] {
  if (n === 1) return [x];
  return w.nodes("Split", [x, w.node("Cast", [counts], { to: INT64 })], { axis: 0 }, n);
}

function matricesOf(w: OnnxWriter, weights: string, { shape }: TensorType): string[] {
  const [n, ...matrix] = shape as number[];
  const parts = n === 1 ? [weights] : w.nodes("Split", [weights], { axis: 0, num_outputs: n! }, n!);
  return parts.map((part) => w.node("Reshape", [part, w.ints(matrix)]));
}
