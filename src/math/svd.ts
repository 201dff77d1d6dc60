import { firstColumns, type Matrix, multiply, sumOfSquares, transposeMatrix } from "./matrix.ts";
import { joinRows, qr, splitRows } from "./qr.ts";

/**
 * A = U·diag(S)·Vᵀ, S falling. U [m, k], V [n, k], k = min(m, n) or fewer, with orthonormal columns, but for those of
 * singular values of 0, which are 0 in one of them.
 */
export interface Svd {
  U: Matrix;
  S: Float64Array;
  V: Matrix;
}

/** Singular values this much smaller than their columns' sizes are at float64's own precision. */
const PRECISION = 2 ** -52;
/** Convergence is quadratic: 6 to 10 sweeps do. */
const MAX_SWEEPS = 60;

/**
 * All singular values of A [m, n] by one-sided Jacobi rotations of R's columns, R of a QR factorization (Demmel & Veselić
 * 1992, https://doi.org/10.1137/0613074). Takes time ∝ max(m, n)·k² + 10·k³.
 * @throws Error when A holds what is not a number.
 */
export function svd(A: Matrix): Svd {
  requireFinite(A);
  if (A.rows < A.columns) {
    const { U, S, V } = svd(transposeMatrix(A));
    return { U: V, S, V: U };
  }
  const { Q, R } = qr(A);
  const turned = splitRows(transposeMatrix(R)); // columns of R, on their way to U·S
  const rotations = identity(A.columns); // columns of V
  for (let sweep = 0; sweep < MAX_SWEEPS && rotateAll(turned, rotations); sweep++);
  return assemble(Q, turned, rotations);
}

/** @throws Error when A holds what is not a number. */
export function requireFinite({ data }: Matrix): void {
  if (!Number.isFinite(sumOfSquares(data))) throw new Error("svd: the matrix holds what is not a number");
}

/** The `rank` largest singular values of `decomposition`, or all where it has fewer. */
export function truncate({ U, S, V }: Svd, rank: number): Svd {
  const k = Math.min(rank, S.length);
  return { U: firstColumns(U, k), S: S.slice(0, k), V: firstColumns(V, k) };
}

/** Makes each pair of columns orthogonal in turn; whether any was not. */
function rotateAll(columns: Float64Array[], rotations: Float64Array[]): boolean {
  let rotated = false;
  for (let p = 0; p < columns.length; p++)
    for (let q = p + 1; q < columns.length; q++) {
      const angle = angleBetween(columns[p]!, columns[q]!);
      if (!angle) continue;
      rotate(columns[p]!, columns[q]!, angle);
      rotate(rotations[p]!, rotations[q]!, angle);
      rotated = true;
    }
  return rotated;
}

interface Angle {
  cos: number;
  sin: number;
}

/** The rotation that makes x and y orthogonal; none where they are, to precision. */
function angleBetween(x: Float64Array, y: Float64Array): Angle | undefined {
  let [xx, yy, xy] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    xx += x[i]! * x[i]!;
    yy += y[i]! * y[i]!;
    xy += x[i]! * y[i]!;
  }
  if (Math.abs(xy) <= PRECISION * Math.sqrt(x.length) * Math.sqrt(xx) * Math.sqrt(yy)) return undefined;
  const zeta = (yy - xx) / (2 * xy);
  const tan = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
  const cos = 1 / Math.hypot(1, tan);
  return { cos, sin: cos * tan };
}

function rotate(x: Float64Array, y: Float64Array, { cos, sin }: Angle): void {
  for (let i = 0; i < x.length; i++) {
    const [a, b] = [x[i]!, y[i]!];
    x[i] = cos * a - sin * b;
    y[i] = sin * a + cos * b;
  }
}

function assemble(Q: Matrix, turned: Float64Array[], rotations: Float64Array[]): Svd {
  const norms = turned.map((column) => Math.sqrt(sumOfSquares(column)));
  const order = norms.map((_, i) => i).sort((i, j) => norms[j]! - norms[i]!);
  const left = order.map((i) => turned[i]!.map((value) => (norms[i]! > 0 ? value / norms[i]! : 0)));
  const right = order.map((i) => rotations[i]!);
  return {
    U: multiply(Q, transposeMatrix(joinRows(left, Q.columns))),
    S: Float64Array.from(order, (i) => norms[i]!),
    V: transposeMatrix(joinRows(right, Q.columns)),
  };
}

const identity = (n: number): Float64Array[] =>
  Array.from({ length: n }, (_, i) => {
    const row = new Float64Array(n);
    row[i] = 1;
    return row;
  });
