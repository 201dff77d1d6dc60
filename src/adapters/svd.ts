import type { Matrix } from "./decompose.ts";
import { eigenSymmetric } from "./eigen.ts";
import { dot, orthonormalBasis } from "./qr.ts";

/** W ≈ Σ S[k] · U[k]·V[k]ᵀ: the largest singular values in falling order, U [r][rows], V [r][columns]. */
export interface Triplets {
  U: Float64Array[];
  S: Float64Array;
  V: Float64Array[];
}

interface Options {
  /** Subspace iterations from random vectors; an exact decomposition when left out. */
  iterations?: number;
  normal: (index: number) => number;
}

/** The `r` largest singular triplets of `matrix`, in float64. */
export function largestTriplets(matrix: Matrix, r: number, { iterations, normal }: Options): Triplets {
  const side = iterations === undefined ? exactSide(matrix) : iteratedSide(matrix, r, iterations, normal);
  return fromRightVectors(matrix, side, r);
}

/** All right singular vectors: the eigenvectors of WᵀW, or by way of W·Wᵀ where that is smaller. */
function exactSide(matrix: Matrix): Float64Array[] {
  if (matrix.columns <= matrix.rows) return eigenSymmetric(gram(matrix), matrix.columns);
  const left = eigenSymmetric(gram(transposed(matrix)), matrix.rows);
  return orthonormalBasis(left.map((u) => timesTransposed(matrix, u)));
}

/** Halko et al. 2011, https://arxiv.org/abs/0909.4061, algorithm 4.4, as torch.svd_lowrank does it. */
function iteratedSide(matrix: Matrix, r: number, iterations: number, normal: (index: number) => number) {
  let V: Float64Array[] = Array.from({ length: r }, (_, k) =>
    Float64Array.from({ length: matrix.columns }, (_, i) => normal(k * matrix.columns + i)),
  );
  for (let n = 0; n <= iterations; n++) {
    const left = orthonormalBasis(V.map((v) => times(matrix, v)));
    V = orthonormalBasis(left.map((u) => timesTransposed(matrix, u)));
  }
  return V;
}

/** Rayleigh and Ritz: the singular triplets of W within the span of `basis`. */
function fromRightVectors(matrix: Matrix, basis: Float64Array[], r: number): Triplets {
  const images = basis.slice(0, r).map((v) => times(matrix, v));
  const n = images.length;
  const products = Float64Array.from({ length: n * n }, (_, at) =>
    dot(images[Math.floor(at / n)]!, images[at % n]!),
  );
  const turns = eigenSymmetric(products, n);
  const U = turns.map((turn) => combined(images, turn));
  const S = Float64Array.from(U, (u) => Math.sqrt(dot(u, u)));
  return {
    U: U.map((u, k) => u.map((value) => (S[k] === 0 ? 0 : value / S[k]!))),
    S,
    V: turns.map((turn) => combined(basis, turn)),
  };
}

function combined(vectors: readonly Float64Array[], factors: Float64Array): Float64Array {
  const sum = new Float64Array(vectors[0]!.length);
  for (const [k, factor] of factors.entries())
    for (let i = 0; i < sum.length; i++) sum[i]! += factor * vectors[k]![i]!;
  return sum;
}

/** WᵀW [columns, columns]. */
function gram({ data, rows, columns }: Matrix): Float64Array {
  const sum = new Float64Array(columns * columns);
  const row = new Float64Array(columns);
  for (let o = 0; o < rows; o++) {
    row.set(data.subarray(o * columns, (o + 1) * columns));
    for (let i = 0; i < columns; i++) {
      const value = row[i]!;
      for (let j = i; j < columns; j++) sum[i * columns + j]! += value * row[j]!;
    }
  }
  for (let i = 0; i < columns; i++) for (let j = 0; j < i; j++) sum[i * columns + j] = sum[j * columns + i]!;
  return sum;
}

const transposed = ({ data, rows, columns }: Matrix): Matrix => ({
  data: Float64Array.from(data, (_, at) => data[(at % rows) * columns + Math.floor(at / rows)]!),
  rows: columns,
  columns: rows,
});

function times({ data, rows, columns }: Matrix, v: Float64Array): Float64Array {
  const result = new Float64Array(rows);
  for (let o = 0, at = 0; o < rows; o++) {
    let sum = 0;
    for (let i = 0; i < columns; i++, at++) sum += data[at]! * v[i]!;
    result[o] = sum;
  }
  return result;
}

function timesTransposed({ data, rows, columns }: Matrix, u: Float64Array): Float64Array {
  const result = new Float64Array(columns);
  for (let o = 0, at = 0; o < rows; o++)
    for (let i = 0; i < columns; i++, at++) result[i]! += data[at]! * u[o]!;
  return result;
}
