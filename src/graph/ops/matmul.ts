import { type MatmulAttributes, PLAIN, product } from "../onnx/product.ts";
import {
  broadcast,
  defineOp,
  requireSameType,
  ShapeError,
  sameShape,
  show,
  type Tensor,
  type TensorType,
} from "../tensor.ts";
import { add } from "./elementwise.ts";

/** alpha · a·b over the last two axes, [..., m, k] by [..., k, n]; leading axes broadcast. */
export const matmul = (a: Tensor, b: Tensor, options: Partial<MatmulAttributes> = {}): Tensor =>
  matmulOp(a, b, { ...PLAIN, ...options });

const matmulOp = defineOp<[a: Tensor, b: Tensor], MatmulAttributes>({
  name: "matmul",
  kept: "matrix",
  rowWise: ({ transA }) => (transA ? undefined : "first input"),
  infer: ([a, b], attributes) => productType("matmul", a, b, attributes),

  lower: (w, [a, b], attributes, types) => product(w, a, b, attributes, types),

  vjp: ([a, b], dy, attributes) => productGradients(a, b, dy, attributes),
});

/** c + alpha · a·b. (A Gemm with its C would do it in one node, and takes longer than these two for a small inner size.) */
export const addMatmul = (c: Tensor, a: Tensor, b: Tensor, options: Partial<MatmulAttributes> = {}): Tensor =>
  add(c, matmul(a, b, options));

/** c + alpha · a·b of matrices, added up where the result is written: the product needs no memory of its own. */
export const matmulOnto = (
  c: Tensor,
  a: Tensor,
  b: Tensor,
  options: Partial<MatmulAttributes> = {},
): Tensor => matmulOntoOp(c, a, b, { ...PLAIN, ...options });

/** `sum` + `term` by `matmulOnto`, where the term is a product of matrices. */
export const addMatrixProduct = (sum: Tensor, term: Tensor): Tensor | undefined => {
  const [a, b] = term.inputs;
  const isOne = term.op === matmulOp.op && [a!, b!, sum].every(({ shape }) => shape.length === 2);
  return isOne ? matmulOnto(sum, a!, b!, term.attributes as MatmulAttributes) : undefined;
};

const matmulOntoOp = defineOp<[c: Tensor, a: Tensor, b: Tensor], MatmulAttributes>({
  name: "matmulOnto",
  kept: "matrix",
  infer([c, a, b], attributes) {
    const type = productType("matmulOnto", a, b, attributes);
    requireSameType("matmulOnto", c, a);
    if (!sameShape(c.shape, type.shape)) throw new ShapeError("matmulOnto", `${show(type)} onto ${show(c)}`);
    return type;
  },
  lower: (w, [c, a, b], { transA, transB, alpha }) =>
    w.node("Gemm", [a, b, c], { transA: +transA, transB: +transB, alpha: { float: alpha } }),
  vjp: ([, a, b], dy, attributes) => [dy, ...productGradients(a, b, dy, attributes)],
});

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

function lastTwo(t: TensorType, swapped: boolean) {
  const [rows, columns] = t.shape.slice(-2) as [TensorType["shape"][number], TensorType["shape"][number]];
  return swapped ? ([columns, rows] as const) : ([rows, columns] as const);
}
