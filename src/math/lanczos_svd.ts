import { type Matrix, multiply, sumOfSquares, transposeMatrix, zeros } from "./matrix.ts";
import { joinRows } from "./qr.ts";
import { type Svd, svd, truncate } from "./svd.ts";

/** Residuals this much smaller than the largest singular value are those of a triplet that was found. */
const TOLERANCE = 1e-9;

/**
 * The `rank` largest singular values of A [m, n] and their vectors, by Golub, Kahan and Lanczos' bidiagonalization
 * A·V = U·B from a random vector, fully reorthogonalized (Golub & Van Loan, Matrix Computations, 10.4), grown until B's
 * largest triplets are A's: ∝ m·n for each step, where `svd` takes ∝ k³. Of singular values that are equal to the last
 * digit one may stand for all. `normal` gives standard normal numbers by index.
 */
export function lanczosSvd(A: Matrix, rank: number, normal: (index: number) => number): Svd {
  const { rows: m, columns: n } = A;
  const most = Math.min(m, n);
  const [U, V]: [Float64Array[], Float64Array[]] = [[], []];
  const [diagonal, above]: [number[], number[]] = [[], []];
  const random = (length: number) =>
    Float64Array.from({ length }, (_, i) => normal((U.length + V.length) * (m + n) + i));
  let next: Float64Array = random(n);
  for (let checked = 2 * rank + 8; ; ) {
    V.push(unit(next, V, random));
    const left = times(A, V.at(-1)!);
    if (U.length > 0) subtract(left, above.at(-1)!, U.at(-1)!);
    diagonal.push(orthogonalize(left, U));
    U.push(unit(left, U, random));
    next = transposedTimes(A, U.at(-1)!);
    subtract(next, diagonal.at(-1)!, V.at(-1)!);
    above.push(orthogonalize(next, V));
    if (U.length < Math.min(checked, most)) continue;
    const inner = svd(bidiagonal(diagonal, above));
    if (U.length === most || isFound(inner, rank, above.at(-1)!)) return outer(inner, U, V, rank);
    checked = Math.ceil(1.25 * checked);
  }
}

/** Whether A·v and Aᵀ·u are those of the triplets that B has: what sticks out of the space is the last row's share. */
function isFound({ U, S }: Svd, rank: number, beyond: number): boolean {
  const last = (U.rows - 1) * U.columns;
  for (let i = 0; i < rank; i++) if (Math.abs(beyond * U.data[last + i]!) > TOLERANCE * S[0]!) return false;
  return true;
}

function outer(inner: Svd, U: Float64Array[], V: Float64Array[], rank: number): Svd {
  const { U: P, S, V: Q } = truncate(inner, rank);
  const columns = (vectors: Float64Array[], of: Matrix) => {
    const turned = multiply(transposeMatrix(of), joinRows(vectors, vectors[0]!.length)); // [rank, length]
    return transposeMatrix(turned);
  };
  return { U: columns(U, P), S, V: columns(V, Q) };
}

/** The diagonal, and beside it what is above, the last of which sticks out of the matrix. */
function bidiagonal(diagonal: readonly number[], above: readonly number[]): Matrix {
  const k = diagonal.length;
  const B = zeros(k, k);
  for (let i = 0; i < k; i++) {
    B.data[i * k + i] = diagonal[i]!;
    if (i + 1 < k) B.data[i * k + i + 1] = above[i]!;
  }
  return B;
}

/** `x` of length 1; where nothing is left of it, another direction that `others` lack. */
function unit(x: Float64Array, others: readonly Float64Array[], random: (length: number) => Float64Array) {
  let length = Math.sqrt(sumOfSquares(x));
  if (length === 0) {
    x = random(x.length);
    orthogonalize(x, others);
    length = Math.sqrt(sumOfSquares(x));
  }
  return x.map((value) => value / length);
}

/** Takes out of `x` what lies along the others, twice, which is enough; its length after, 0 where rounding is all there is. */
function orthogonalize(x: Float64Array, others: readonly Float64Array[]): number {
  const before = Math.sqrt(sumOfSquares(x));
  for (let pass = 0; pass < 2; pass++) for (const other of others) subtract(x, dot(x, other), other);
  const length = Math.sqrt(sumOfSquares(x));
  if (length > 1e-13 * before) return length;
  x.fill(0);
  return 0;
}

function subtract(x: Float64Array, factor: number, y: Float64Array): void {
  for (let i = 0; i < x.length; i++) x[i]! -= factor * y[i]!;
}

/** In four sums: one would wait for itself. */
function dot(x: Float64Array | Float32Array, y: Float64Array | Float32Array, at = 0): number {
  const n = y.length;
  let [a, b, c, d] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 3 < n; i += 4) {
    a += x[at + i]! * y[i]!;
    b += x[at + i + 1]! * y[i + 1]!;
    c += x[at + i + 2]! * y[i + 2]!;
    d += x[at + i + 3]! * y[i + 3]!;
  }
  for (; i < n; i++) a += x[at + i]! * y[i]!;
  return a + b + c + d;
}

/** A·x: [m]. */
function times({ rows, columns, data }: Matrix, x: Float64Array): Float64Array {
  const y = new Float64Array(rows);
  for (let i = 0; i < rows; i++) y[i] = dot(data, x, i * columns);
  return y;
}

/** Aᵀ·x: [n], four rows at a time. */
function transposedTimes({ rows, columns, data }: Matrix, x: Float64Array): Float64Array {
  const y = new Float64Array(columns);
  const whole = rows - (rows % 4);
  for (let i = 0; i < whole; i += 4) {
    const [a, b, c, d] = [x[i]!, x[i + 1]!, x[i + 2]!, x[i + 3]!];
    const [first, second, third, fourth] = [0, 1, 2, 3].map((k) => (i + k) * columns) as [
      number,
      number,
      number,
      number,
    ];
    for (let j = 0; j < columns; j++)
      y[j]! += a * data[first + j]! + b * data[second + j]! + c * data[third + j]! + d * data[fourth + j]!;
  }
  for (let i = whole; i < rows; i++)
    for (let j = 0; j < columns; j++) y[j]! += x[i]! * data[i * columns + j]!;
  return y;
}
