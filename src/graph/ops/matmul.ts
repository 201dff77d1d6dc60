import {
  broadcast,
  COMPUTE_TYPE,
  defineOp,
  requireSameType,
  ShapeError,
  show,
  type Tensor,
  type TensorType,
} from "../tensor.ts";
import { add } from "./elementwise.ts";

export interface MatmulAttributes {
  /** Read `a` as its transpose over the last two axes. */
  transA: boolean;
  /** Read `b` as its transpose over the last two axes. */
  transB: boolean;
  /** Factor of the product. */
  alpha: number;
}

const PLAIN: MatmulAttributes = { transA: false, transB: false, alpha: 1 };

/** alpha · a·b over the last two axes, [..., m, k] by [..., k, n]; leading axes broadcast. */
export const matmul = (a: Tensor, b: Tensor, options: Partial<MatmulAttributes> = {}): Tensor =>
  matmulOp(a, b, { ...PLAIN, ...options });

const matmulOp = defineOp<[a: Tensor, b: Tensor], MatmulAttributes>({
  name: "matmul",
  kept: "matrix",
  rowWise: ({ transA }) => (transA ? undefined : "first input"),
  infer: ([a, b], attributes) => productType("matmul", a, b, attributes),

  lower(w, [a, b], { transA, transB, alpha }, [typeA, typeB], out) {
    if (!transA && !transB && alpha === 1) return w.node("MatMul", [a, b]);
    if (w.dialect === "standard" && isPlainGemm(typeA, typeB, transA, transB, alpha))
      return w.node("Gemm", [a, b], { transA: 0, transB: 1 });
    if (w.dialect === "gpu" && typeA.shape.length === 2 && typeB.shape.length === 2)
      return w.node("Gemm", [a, b], { transA: +transA, transB: +transB, alpha: { float: alpha } });
    if (out.dtype === COMPUTE_TYPE && w.dialect === "cpu")
      return w.contributed("FusedMatMul", [a, b], {
        transA: +transA,
        transB: +transB,
        alpha: { float: alpha },
      });
    const swap = (name: string, t: TensorType, swapped: boolean) =>
      swapped ? w.node("Transpose", [name], { perm: swapLast(t.shape.length) }) : name;
    const product = w.node("MatMul", [swap(a, typeA, transA), swap(b, typeB, transB)]);
    return alpha === 1 ? product : w.node("Mul", [product, w.scalar(alpha, out.dtype)]);
  },

  vjp: ([a, b], dy, attributes) => productGradients(a, b, dy, attributes),
});

/** ONNX's own product by a transposed matrix, without a copy of it. */
const isPlainGemm = (a: TensorType, b: TensorType, transA: boolean, transB: boolean, alpha: number) =>
  a.shape.length === 2 && b.shape.length === 2 && !transA && transB && alpha === 1;

/** c + alpha · a·b. (A Gemm with its C would do it in one node, and takes longer than these two for a small inner size.) */
export const addMatmul = (c: Tensor, a: Tensor, b: Tensor, options: Partial<MatmulAttributes> = {}): Tensor =>
  add(c, matmul(a, b, options));

function productType(op: string, a: Tensor, b: Tensor, { transA, transB }: MatmulAttributes): TensorType {
  requireSameType(op, a, b);
  if (a.shape.length < 2 || b.shape.length < 2) throw new ShapeError(op, `${show(a)} by ${show(b)}`);
  const [m, k] = lastTwo(a, transA);
  const [k2, n] = lastTwo(b, transB);
  if (k !== k2) throw new ShapeError(op, `inner sizes of ${show(a)} and ${show(b)} differ: ${k}, ${k2}`);
  const batch = (t: TensorType) => ({ dtype: t.dtype, shape: t.shape.slice(0, -2) });
  return { dtype: a.dtype, shape: [...broadcast(op, batch(a), batch(b)), m, n] };
}

function productGradients(
  a: Tensor,
  b: Tensor,
  dy: Tensor,
  { transA, transB, alpha }: MatmulAttributes,
): [Tensor, Tensor] {
  return [
    transA
      ? matmul(b, dy, { transA: transB, transB: true, alpha })
      : matmul(dy, b, { transB: !transB, alpha }),
    transB
      ? matmul(dy, a, { transA: true, transB: transA, alpha })
      : matmul(a, dy, { transA: !transA, alpha }),
  ];
}

const swapLast = (rank: number) =>
  Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));

function lastTwo(t: TensorType, swapped: boolean) {
  const [rows, columns] = t.shape.slice(-2) as [TensorType["shape"][number], TensorType["shape"][number]];
  return swapped ? ([columns, rows] as const) : ([rows, columns] as const);
}
