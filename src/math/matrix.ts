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
  const { columns: k, data: b } = B;
  const C = zeros(m, k);
  const c = C.data;
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      const value = a[i * n + j]!;
      if (value === 0) continue;
      for (let l = 0, from = j * k, to = i * k; l < k; l++) c[to + l]! += value * b[from + l]!;
    }
  return C;
}

/** Aᵀ·B, A [m, n], B [m, k] -> float64 [n, k], without a transposed copy of A. */
export function multiplyTransposed(A: Matrix, B: Matrix): Matrix {
  requireEqual(A.rows, B.rows);
  const { rows: m, columns: n, data: a } = A;
  const { columns: k, data: b } = B;
  const C = zeros(n, k);
  const c = C.data;
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      const value = a[i * n + j]!;
      if (value === 0) continue;
      for (let l = 0, from = i * k, to = j * k; l < k; l++) c[to + l]! += value * b[from + l]!;
    }
  return C;
}

/** [m, n] -> float64 [n, m]. */
export function transpose({ rows, columns, data }: Matrix): Matrix {
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
