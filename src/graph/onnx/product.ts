import { COMPUTE_TYPE, type TensorType } from "../tensor.ts";
import type { OnnxWriter } from "./writer.ts";

export interface MatmulAttributes {
  /** Read `a` as its transpose over the last two axes. */
  transA: boolean;
  /** Read `b` as its transpose over the last two axes. */
  transB: boolean;
  /** Factor of the product. */
  alpha: number;
}

export const PLAIN: MatmulAttributes = { transA: false, transB: false, alpha: 1 };

/** alpha · a·b of values `a` and `b` of these types, by what the dialect has for it. */
export function product(
  w: OnnxWriter,
  a: string,
  b: string,
  { transA, transB, alpha }: MatmulAttributes,
  [typeA, typeB]: readonly [TensorType, TensorType],
): string {
  if (!transA && !transB && alpha === 1) return w.node("MatMul", [a, b]);
  if (w.dialect === "standard" && isPlainGemm(typeA, typeB, transA, transB, alpha))
    return w.node("Gemm", [a, b], { transA: 0, transB: 1 });
  if (w.dialect === "gpu" && typeA.shape.length === 2 && typeB.shape.length === 2)
    return w.node("Gemm", [a, b], { transA: +transA, transB: +transB, alpha: { float: alpha } });
  if (typeA.dtype === COMPUTE_TYPE && w.dialect === "cpu")
    return w.contributed("FusedMatMul", [a, b], {
      transA: +transA,
      transB: +transB,
      alpha: { float: alpha },
    });
  const swap = (name: string, t: TensorType, swapped: boolean) =>
    swapped ? w.node("Transpose", [name], { perm: swapLast(t.shape.length) }) : name;
  const plain = w.node("MatMul", [swap(a, typeA, transA), swap(b, typeB, transB)]);
  return alpha === 1 ? plain : w.node("Mul", [plain, w.scalar(alpha, typeA.dtype)]);
}

/** ONNX's own product by a transposed matrix, without a copy of it. */
const isPlainGemm = (a: TensorType, b: TensorType, transA: boolean, transB: boolean, alpha: number) =>
  a.shape.length === 2 && b.shape.length === 2 && !transA && transB && alpha === 1;

const swapLast = (rank: number) =>
  Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));
