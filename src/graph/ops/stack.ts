import { defineOp, ShapeError, sameShape, show, type Tensor } from "../tensor.ts";

/** The matrices are [out, in] and stand in the stack as [in, out]. */
interface Turned {
  turned: boolean;
}

/**
 * n matrices as one tensor [n, ...matrix]. What multiplies by each of them reads them one by one, and the stack is never made:
 * see `groupedMatmul`.
 */
export const stackedMatrices = defineOp<[...matrices: Tensor[]], Turned>({
  name: "stackedMatrices",
  infer(matrices, { turned }) {
    const [first] = matrices as [Tensor];
    if (first.shape.length !== 2 || !matrices.every(({ shape }) => sameShape(shape, first.shape)))
      throw new ShapeError("stackedMatrices", matrices.slice(0, 3).map(show).join(", "));
    const matrix = turned ? first.shape.toReversed() : first.shape;
    return { dtype: first.dtype, shape: [matrices.length, ...matrix] };
  },
  lower(w, matrices, { turned }) {
    const parts = matrices.map((matrix) => {
      const own = turned ? w.node("Transpose", [matrix], { perm: [1, 0] }) : matrix;
      return w.node("Unsqueeze", [own, w.ints([0])]);
    });
    return parts.length === 1 ? parts[0]! : w.node("Concat", parts, { axis: 0 });
  },
  vjp: (matrices) => matrices.map(() => null),
});
