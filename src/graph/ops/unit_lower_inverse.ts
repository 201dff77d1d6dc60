import { defineOp, ShapeError, show, type Tensor } from "../tensor.ts";
import { neg } from "./elementwise.ts";
import { matmul } from "./matmul.ts";

/**
 * (I + L)⁻¹ of L [..., C, C], which is 0 but below its diagonal; C is a power of 2. Blocks along the diagonal are put together
 * two by two: of [[P, 0], [Q, R]] the inverse is [[P⁻¹, 0], [-R⁻¹ · Q · P⁻¹, R⁻¹]]. That is forward substitution in blocks and as
 * exact; a series of L's powers is not, since they grow before they cancel.
 */
export const unitLowerInverse = defineOp<[L: Tensor]>({
  name: "unitLowerInverse",
  infer([L]) {
    const [rows, C] = L.shape.slice(-2);
    if (rows !== C || typeof C !== "number" || !Number.isInteger(Math.log2(C)))
      throw new ShapeError("unitLowerInverse", `${show(L)} are not square matrices of a power of 2`);
    return L;
  },
  lower(w, [L], _, __, { dtype, shape }) {
    const C = shape.at(-1) as number;
    const matrix = (at: (i: number, j: number) => boolean) =>
      w.constant(entries(C, at), { dtype, shape: [C, C] });
    let X = matrix((i, j) => i === j);
    for (let size = 1; size < C; size *= 2) {
      const Q = w.node("Mul", [L, matrix((i, j) => isBelow(i, j, size))]);
      const change = size === 1 ? Q : w.node("MatMul", [w.node("MatMul", [X, Q]), X]);
      X = w.node("Sub", [X, change]);
    }
    return X;
  },
  vjp: (_, dy, __, X) => [neg(matmul(matmul(X, dy, { transA: true }), X, { transB: true }))],
});

/** Whether row and column are in neighbouring blocks that are put together next, the row in the second. */
const isBelow = (i: number, j: number, size: number) => {
  const [row, column] = [Math.floor(i / size), Math.floor(j / size)];
  return row % 2 === 1 && column === row - 1;
};

const entries = (C: number, at: (i: number, j: number) => boolean): number[] =>
  Array.from({ length: C * C }, (_, k) => Number(at(Math.floor(k / C), k % C)));
