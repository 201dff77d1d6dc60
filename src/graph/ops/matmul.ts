import {
  broadcast,
  defineOp,
  requireSameType,
  ShapeError,
  show,
  type Tensor,
  type TensorType,
} from "../tensor.ts";

export interface MatmulAttributes {
  /** Read `a` as its transpose over the last two axes. */
  transA: boolean;
  /** Read `b` as its transpose over the last two axes. */
  transB: boolean;
  /** Factor of the product. */
  alpha: number;
}

const matmulOp = defineOp<[a: Tensor, b: Tensor], MatmulAttributes>({
  name: "matmul",

  infer([a, b], { transA, transB }) {
    requireSameType("matmul", a, b);
    if (a.shape.length < 2 || b.shape.length < 2) throw new ShapeError("matmul", `${show(a)} by ${show(b)}`);
    const [m, k] = lastTwo(a, transA);
    const [k2, n] = lastTwo(b, transB);
    if (k !== k2)
      throw new ShapeError("matmul", `inner sizes of ${show(a)} and ${show(b)} differ: ${k}, ${k2}`);
    const batch = (t: TensorType) => ({ dtype: t.dtype, shape: t.shape.slice(0, -2) });
    return { dtype: a.dtype, shape: [...broadcast("matmul", batch(a), batch(b)), m, n] };
  },

  lower(w, [a, b], { transA, transB, alpha }, [typeA, typeB], out) {
    if (!transA && !transB && alpha === 1) return w.node("MatMul", [a, b]);
    if (out.dtype === "float32")
      return w.node("FusedMatMul", [a, b], { transA: +transA, transB: +transB, alpha: { float: alpha } });
    const swap = (name: string, t: TensorType, swapped: boolean) =>
      swapped ? w.node("Transpose", [name], { perm: swapLast(t.shape.length) }) : name;
    const product = w.node("MatMul", [swap(a, typeA, transA), swap(b, typeB, transB)]);
    return w.node("Mul", [product, w.scalar(alpha, out.dtype)]);
  },

  vjp([a, b], dy, { transA, transB, alpha }) {
    return [
      transA
        ? matmul(b, dy, { transA: transB, transB: true, alpha })
        : matmul(dy, b, { transB: !transB, alpha }),
      transB
        ? matmul(dy, a, { transA: true, transB: transA, alpha })
        : matmul(a, dy, { transA: !transA, alpha }),
    ];
  },
});

/** alpha · a·b over the last two axes, [..., m, k] by [..., k, n]; leading axes broadcast. */
export const matmul = (a: Tensor, b: Tensor, options: Partial<MatmulAttributes> = {}): Tensor =>
  matmulOp(a, b, { transA: false, transB: false, alpha: 1, ...options });

const swapLast = (rank: number) =>
  Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));

function lastTwo(t: TensorType, swapped: boolean) {
  const [rows, columns] = t.shape.slice(-2) as [TensorType["shape"][number], TensorType["shape"][number]];
  return swapped ? ([columns, rows] as const) : ([rows, columns] as const);
}
