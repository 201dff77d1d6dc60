import { type Matrix, transposeMatrix, zeros } from "./matrix.ts";

/**
 * A = Q·R with orthonormal columns of Q [m, n] and upper triangular R [n, n], for A [m, n], m ≥ n, by Householder
 * reflections, signs as LAPACK's geqrf chooses them (Golub & Van Loan, Matrix Computations, 5.2).
 */
export function qr(A: Matrix): { Q: Matrix; R: Matrix } {
  const { rows: m, columns: n } = A;
  if (m < n) throw new Error(`qr takes as many rows as columns or more, got [${m}, ${n}]`);
  const columns = splitRows(transposeMatrix(A));
  const reflections = columns.map((column, j) => {
    const reflection = reflect(column, j);
    for (let k = j + 1; k < n; k++) apply(reflection, columns[k]!);
    return reflection;
  });
  const R = zeros(n, n);
  for (let j = 0; j < n; j++) for (let i = 0; i <= j; i++) R.data[i * n + j] = columns[j]![i]!;
  return { Q: orthonormal(reflections, m), R };
}

/** H = I - factor · v·vᵀ, v zero before `start`. */
interface Reflection {
  v: Float64Array;
  start: number;
  factor: number;
}

/** The reflection that makes `column` zero below `start`; `column` becomes what it makes of it. */
function reflect(column: Float64Array, start: number): Reflection {
  const v = new Float64Array(column.length);
  let below = 0;
  for (let i = start + 1; i < column.length; i++) below += column[i]! ** 2;
  const first = column[start]!;
  if (below === 0) return { v, start, factor: 0 };
  const norm = Math.sqrt(first * first + below);
  const diagonal = first > 0 ? -norm : norm;
  v.set(column.subarray(start), start);
  v[start] = first - diagonal;
  column.fill(0, start);
  column[start] = diagonal;
  return { v, start, factor: 2 / (v[start]! ** 2 + below) };
}

function apply({ v, start, factor }: Reflection, x: Float64Array): void {
  if (factor === 0) return;
  let dot = 0;
  for (let i = start; i < x.length; i++) dot += v[i]! * x[i]!;
  dot *= factor;
  for (let i = start; i < x.length; i++) x[i]! -= dot * v[i]!;
}

/** The first columns of the product of all reflections: [m, n]. */
function orthonormal(reflections: Reflection[], m: number): Matrix {
  const columns = reflections.map((_, j) => {
    const column = new Float64Array(m);
    column[j] = 1;
    for (const reflection of reflections.slice(0, j + 1).reverse()) apply(reflection, column);
    return column;
  });
  return transposeMatrix(joinRows(columns, m));
}

/** Copies of the rows. */
export const splitRows = ({ rows, columns, data }: Matrix): Float64Array[] =>
  Array.from({ length: rows }, (_, i) => Float64Array.from(data.subarray(i * columns, (i + 1) * columns)));

export function joinRows(rows: readonly Float64Array[], columns: number): Matrix {
  const joined = zeros(rows.length, columns);
  for (const [i, row] of rows.entries()) joined.data.set(row, i * columns);
  return joined;
}
