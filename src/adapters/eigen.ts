const SWEEPS = 60;

/**
 * The eigenvectors of a symmetric matrix [n, n], those of the largest eigenvalues first, by Jacobi's rotations, row by
 * row, until nothing beside the diagonal is left (Golub and Van Loan, Matrix Computations, 8.5). In float64.
 */
export function eigenSymmetric(matrix: Float64Array, n: number): Float64Array[] {
  const M = Float64Array.from(matrix);
  const vectors = Array.from({ length: n }, (_, i) => Float64Array.from({ length: n }, (_, j) => +(i === j)));
  const size = Math.sqrt(M.reduce((sum, value) => sum + value * value, 0));
  for (let sweep = 0; sweep < SWEEPS && beside(M, n) > 1e-15 * size; sweep++)
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) if (Math.abs(M[p * n + q]!) > 1e-18 * size) rotate(M, vectors, n, p, q);
  const order = Array.from({ length: n }, (_, k) => k).sort((a, b) => M[b * n + b]! - M[a * n + a]! || a - b);
  return order.map((k) => vectors[k]!);
}

/** The norm of what is beside the diagonal. */
function beside(M: Float64Array, n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) if (i !== j) sum += M[i * n + j]! ** 2;
  return Math.sqrt(sum);
}

/** Turns the plane of p and q so that M[p, q] becomes 0. */
function rotate(M: Float64Array, vectors: Float64Array[], n: number, p: number, q: number): void {
  const tau = (M[q * n + q]! - M[p * n + p]!) / (2 * M[p * n + q]!);
  const t = (tau >= 0 ? 1 : -1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau));
  const c = 1 / Math.sqrt(1 + t * t);
  const s = t * c;
  for (let i = 0; i < n; i++) {
    const [a, b] = [M[i * n + p]!, M[i * n + q]!];
    M[i * n + p] = c * a - s * b;
    M[i * n + q] = s * a + c * b;
  }
  for (let i = 0; i < n; i++) {
    const [a, b] = [M[p * n + i]!, M[q * n + i]!];
    M[p * n + i] = c * a - s * b;
    M[q * n + i] = s * a + c * b;
  }
  const [u, v] = [vectors[p]!, vectors[q]!];
  for (let i = 0; i < n; i++) {
    const [a, b] = [u[i]!, v[i]!];
    u[i] = c * a - s * b;
    v[i] = s * a + c * b;
  }
}
