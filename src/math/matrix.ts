/** Dense matrices for what is computed once, outside of graphs: exact rather than fast. */

/** Row-major. */
export interface Matrix {
  rows: number;
  columns: number;
  data: Float64Array | Float32Array;
}

export const zeros = (rows: number, columns: number): Matrix => ({
  rows,
  columns,
  data: new Float64Array(rows * columns),
});

/** A·B, A [m, n], B [n, k] -> float64 [m, k]. */
export function multiply(A: Matrix, B: Matrix): Matrix {
  requireEqual(A.columns, B.rows);
  const { rows: m, columns: n, data: a } = A;
  const C = zeros(m, B.columns);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j += 4) {
      const at = i * n + j;
      addRows(C, i, B, j, a[at]!, a[at + 1]!, a[at + 2]!, a[at + 3]!);
    }
  return C;
}

/** Aᵀ·B, A [m, n], B [m, k] -> float64 [n, k], without a transposed copy of A. */
export function multiplyTransposed(A: Matrix, B: Matrix): Matrix {
  requireEqual(A.rows, B.rows);
  const { rows: m, columns: n, data: a } = A;
  const C = zeros(n, B.columns);
  for (let i = 0; i < m; i += 4)
    for (let j = 0; j < n; j++) {
      const at = i * n + j;
      addRows(C, j, B, i, a[at]!, a[at + n]!, a[at + 2 * n]!, a[at + 3 * n]!);
    }
  return C;
}

/** Adds four of B's rows from `from` on, or as many as there are, to a row of C: to take them together is twice as fast. */
function addRows(
  C: Matrix,
  row: number,
  { rows, columns: k, data: b }: Matrix,
  from: number,
  v0: number,
  v1: number,
  v2: number,
  v3: number,
): void {
  const c = C.data;
  const [to, first] = [row * k, from * k];
  if (from + 4 > rows) {
    const values = [v0, v1, v2];
    for (let r = from; r < rows; r++)
      for (let l = 0; l < k; l++) c[to + l]! += values[r - from]! * b[r * k + l]!;
    return;
  }
  const [second, third, fourth] = [first + k, first + 2 * k, first + 3 * k];
  for (let l = 0; l < k; l++)
    c[to + l]! += v0 * b[first + l]! + v1 * b[second + l]! + v2 * b[third + l]! + v3 * b[fourth + l]!;
}

/** [m, n] -> float64 [n, m]. */
export function transposeMatrix({ rows, columns, data }: Matrix): Matrix {
  const turned = zeros(columns, rows);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) turned.data[j * rows + i] = data[i * columns + j]!;
  return turned;
}

/** The first `count` columns: float64 [m, count]. */
export function firstColumns({ rows, columns, data }: Matrix, count: number): Matrix {
  const first = zeros(rows, count);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < count; j++) first.data[i * count + j] = data[i * columns + j]!;
  return first;
}

/** Σ x²: the squared Frobenius norm. */
export function sumOfSquares(data: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data[i]! * data[i]!;
  return sum;
}

function requireEqual(a: number, b: number): void {
  if (a !== b) throw new Error(`matrices of inner sizes ${a} and ${b} cannot be multiplied`);
}
