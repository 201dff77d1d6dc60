/**
 * An orthonormal basis of what `vectors` span, in their order (Gram and Schmidt's, each vector cleared twice, which is
 * enough for float64: Giraud et al. 2005). A vector that the earlier ones span gives zeros.
 */
export function orthonormalBasis(vectors: readonly Float64Array[]): Float64Array[] {
  const basis: Float64Array[] = [];
  for (const vector of vectors) {
    const rest = vector.slice();
    const size = Math.sqrt(dot(rest, rest));
    for (let pass = 0; pass < 2; pass++) for (const q of basis) addScaled(rest, q, -dot(q, rest));
    const norm = Math.sqrt(dot(rest, rest));
    const isSpanned = norm <= 1e-12 * size;
    basis.push(isSpanned ? rest.fill(0) : rest.map((value) => value / norm));
  }
  return basis;
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function addScaled(into: Float64Array, from: Float64Array, factor: number): void {
  for (let i = 0; i < into.length; i++) into[i]! += factor * from[i]!;
}
