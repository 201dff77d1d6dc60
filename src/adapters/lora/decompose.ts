import { firstColumns, type Matrix, multiplyTransposed, transpose } from "../../math/matrix.ts";
import { qr } from "../../math/qr.ts";
import { truncatedSvd } from "../../math/truncated_svd.ts";

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
  const { U, S, V } = truncatedSvd(
    weight,
    r,
    normal,
    iterations === undefined ? undefined : Number(iterations),
  );
  const roots = S.map((value) => Math.sqrt(value / scale));
  return {
    A: Float32Array.from(transpose(scaled(V, roots)).data),
    B: Float32Array.from(scaled(U, roots).data),
  };
}

/** W = Q·R: B is the first r columns of Q, A the first r rows of R = QᵀW. */
function olora(weight: Matrix, r: number): { A: Float32Array; B: Float32Array } {
  const { Q } = qr(firstColumns(weight, r));
  const A = transpose(multiplyTransposed(weight, Q)); // (Wᵀ·Q)ᵀ
  return { A: Float32Array.from(A.data), B: Float32Array.from(Q.data) };
}

/** Each column times its factor. */
const scaled = ({ rows, columns, data }: Matrix, factors: Float64Array): Matrix => ({
  rows,
  columns,
  data: data.map((value, at) => value * factors[at % columns]!),
});
