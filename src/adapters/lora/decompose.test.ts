import { describe, expect, test } from "vitest";
import type { Matrix } from "../../math/matrix.ts";
import { svd } from "../../math/svd.ts";
import { randomNormals } from "../../random/random.ts";
import { decompose } from "./lora_start.ts";

const normal = (index: number) => randomNormals(index + 1, 3, "start", 0)[index]!;

/** U·diag(S)·Vᵀ with singular values 2^-k and known vectors: Householder reflections of the axes. */
function known(rows: number, columns: number): { matrix: Matrix; S: number[] } {
  const reflect = (n: number, seed: number) => {
    const v = randomNormals(n, seed, "reflect", 0);
    const size = v.reduce((sum, x) => sum + x * x, 0);
    return (i: number, j: number) => Number(i === j) - (2 * v[i]! * v[j]!) / size;
  };
  const [U, V, n] = [reflect(rows, 1), reflect(columns, 2), Math.min(rows, columns)];
  const S = Array.from({ length: n }, (_, k) => 2 ** -k);
  const data = Float64Array.from({ length: rows * columns }, (_, at) =>
    S.reduce((sum, s, k) => sum + s * U(Math.floor(at / columns), k) * V(at % columns, k), 0),
  );
  return { matrix: { data, rows, columns }, S };
}

const product = ({ A, B }: { A: Float32Array; B: Float32Array }, r: number, { rows, columns }: Matrix) =>
  Float64Array.from({ length: rows * columns }, (_, at) => {
    let sum = 0;
    for (let k = 0; k < r; k++)
      sum += B[Math.floor(at / columns) * r + k]! * A[k * columns + (at % columns)]!;
    return sum;
  });

describe.each([
  [12, 7],
  [7, 12],
  [9, 9],
])("a matrix [%i, %i]", (rows, columns) => {
  const { matrix, S } = known(rows, columns);
  const r = 3;

  test.each(["pissa", "pissa_niter_16"])("%s leaves the smaller singular values", (init) => {
    const rest = matrix.data.map(
      (value, at) => value - 2 * product(decompose(init, matrix, r, 2, normal), r, matrix)[at]!,
    );
    const { S: left } = svd({ ...matrix, data: rest });
    expect(Math.abs(left[0]! - S[r]!)).toBeLessThan(1e-6);
  });

  test("olora: B is orthonormal, the rest has nothing left in B's span", () => {
    const { A, B } = decompose("olora", matrix, r, 2, normal);
    const rest = matrix.data.map((value, at) => value - product({ A, B }, r, matrix)[at]!);
    for (let k = 0; k < r; k++) {
      for (let l = 0; l < r; l++) {
        let sum = 0;
        for (let o = 0; o < rows; o++) sum += B[o * r + k]! * B[o * r + l]!;
        expect(Math.abs(sum - Number(k === l))).toBeLessThan(1e-6);
      }
      for (let o = 0; o < rows; o++) expect(Math.abs(rest[o * columns + k]!)).toBeLessThan(1e-6);
    }
  });
});
