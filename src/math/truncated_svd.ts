import { lanczosSvd } from "./lanczos_svd.ts";
import { firstColumns, type Matrix, multiply, multiplyTransposed, transposeMatrix } from "./matrix.ts";
import { qr } from "./qr.ts";
import { requireFinite, type Svd, svd, truncate } from "./svd.ts";

/** Directions looked at beyond those asked for. */
const OVERSAMPLING = 16;
/** Matrices of a smaller side up to this are decomposed whole. */
const WHOLE = 128;

/**
 * The `rank` largest singular values of A [m, n] and their vectors. `normal` gives standard normal numbers by index.
 * @param iterations without it they are exact; with it they are found by so many subspace iterations from random directions,
 *   products with A·Aᵀ (Halko, Martinsson & Tropp 2011, algorithm 4.4, https://arxiv.org/abs/0909.4061)
 */
export function truncatedSvd(
  A: Matrix,
  rank: number,
  normal: (index: number) => number,
  iterations?: number,
): Svd {
  requireFinite(A);
  const smaller = Math.min(A.rows, A.columns);
  if (smaller <= WHOLE || 2 * (rank + OVERSAMPLING) >= smaller) return truncate(svd(A), rank);
  return iterations === undefined ? lanczosSvd(A, rank, normal) : subspaceSvd(A, rank, normal, iterations);
}

function subspaceSvd(A: Matrix, rank: number, normal: (index: number) => number, iterations: number): Svd {
  let Q = qr(multiply(A, randomMatrix(A.columns, rank + OVERSAMPLING, normal))).Q; // [m, l]
  for (let i = 0; i < iterations; i++) {
    const P = qr(multiplyTransposed(A, Q)).Q; // [n, l]
    Q = qr(multiply(A, P)).Q;
  }
  const { U, S, V } = svd(multiplyTransposed(A, Q)); // Aᵀ·Q = U·S·Vᵀ, so A ≈ (Q·V)·S·Uᵀ
  return {
    U: multiply(Q, firstColumns(V, rank)),
    S: S.slice(0, rank),
    V: firstColumns(U, rank),
  };
}

/** The SVD of B·A, B [m, r], A [r, n] given as Aᵀ, without the product: exact, and as cheap as r is small. */
export function productSvd(B: Matrix, At: Matrix): Svd {
  if (B.columns > B.rows || At.columns > At.rows) throw new Error("productSvd takes factors of low rank");
  const [left, right] = [qr(B), qr(At)];
  const { U, S, V } = svd(multiply(left.R, transposeMatrix(right.R)));
  return { U: multiply(left.Q, U), S, V: multiply(right.Q, V) };
}

const randomMatrix = (rows: number, columns: number, normal: (index: number) => number): Matrix => ({
  rows,
  columns,
  data: Float64Array.from({ length: rows * columns }, (_, i) => normal(i)),
});
