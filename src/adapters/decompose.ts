import { orthonormalBasis } from "./qr.ts";
import { largestTriplets } from "./svd.ts";

/** Row-major. */
export interface Matrix {
  data: Float32Array | Float64Array;
  rows: number;
  columns: number;
}

/**
 * A [r, in] and B [out, r] whose product, times `scale`, is a part of `weight` [out, in]:
 * "pissa" (Meng et al. 2024, https://arxiv.org/abs/2404.02948): the largest r singular values', split evenly;
 * "pissa_niter_n": the same by n subspace iterations from random vectors;
 * "olora" (Büyükakyüz 2024, https://arxiv.org/abs/2406.01775): the first r columns and rows of Q·R, not divided by the
 * scale, as in PEFT.
 */
export function decompose(
  init: string,
  weight: Matrix,
  r: number,
  scale: number,
  normal: (index: number) => number,
): { A: Float32Array; B: Float32Array } {
  if (init === "olora") return olora(weight, r);
  const iterations = /^pissa_niter_(\d+)$/.exec(init)?.[1];
  const options = { iterations: iterations === undefined ? undefined : Number(iterations), normal };
  const { U, S, V } = largestTriplets(weight, r, options);
  const [A, B] = [new Float32Array(r * weight.columns), new Float32Array(weight.rows * r)];
  for (let k = 0; k < r; k++) {
    const root = Math.sqrt(S[k]! / scale);
    for (let i = 0; i < weight.columns; i++) A[k * weight.columns + i] = root * V[k]![i]!;
    for (let o = 0; o < weight.rows; o++) B[o * r + k] = root * U[k]![o]!;
  }
  return { A, B };
}

/** W = Q·R: B is the first r columns of Q, A the first r rows of R = QᵀW. */
function olora({ data, rows, columns }: Matrix, r: number): { A: Float32Array; B: Float32Array } {
  const first = Array.from({ length: r }, (_, k) =>
    Float64Array.from({ length: rows }, (_, o) => data[o * columns + k]!),
  );
  const Q = orthonormalBasis(first);
  const [A, B] = [new Float32Array(r * columns), new Float32Array(rows * r)];
  for (const [k, q] of Q.entries()) {
    const row = new Float64Array(columns);
    for (let o = 0; o < rows; o++) {
      B[o * r + k] = q[o]!;
      for (let i = 0; i < columns; i++) row[i]! += q[o]! * data[o * columns + i]!;
    }
    A.set(row, k * columns);
  }
  return { A, B };
}
