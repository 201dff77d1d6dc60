import type { LoraWeights } from "../adapter.ts";

/** The norms of the rows of W + scale · B·A, W [out, in]: [out]. */
export function rowNorms(
  W: Float32Array,
  { A, B, r, in: inputs, out }: LoraWeights,
  scale: number,
): Float32Array {
  const norms = new Float32Array(out);
  const row = new Float64Array(inputs);
  for (let o = 0; o < out; o++) {
    row.set(W.subarray(o * inputs, (o + 1) * inputs));
    for (let k = 0; k < r; k++) {
      const factor = scale * B[o * r + k]!;
      if (factor !== 0) for (let i = 0; i < inputs; i++) row[i]! += factor * A[k * inputs + i]!;
    }
    let sum = 0;
    for (let i = 0; i < inputs; i++) sum += row[i]! * row[i]!;
    norms[o] = Math.sqrt(sum);
  }
  return norms;
}
