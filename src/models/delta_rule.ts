/**
 * The gated delta rule (Yang et al. 2024, https://arxiv.org/abs/2412.06464): a head's memory S [Dk, Dv] decays, forgets what it
 * holds at a key, and learns the value there:
 *   S ← e^g · S;  u = β · (v - Sᵀk);  S ← S + k·uᵀ;  y = Sᵀq.
 * Computed in chunks, by products and a triangular solve: https://arxiv.org/abs/2406.06484, section 3.
 */
import { HIDDEN } from "../graph/hidden.ts";
import { rowChunks, unchunk } from "../graph/ops/chunks.ts";
import { and, cast, equal, exp, less, lessOrEqual, mul, sub, where } from "../graph/ops/elementwise.ts";
import { linearScan } from "../graph/ops/linear_scan.ts";
import { addMatmul, matmul } from "../graph/ops/matmul.ts";
import { reshape, slice, transpose } from "../graph/ops/shape.ts";
import { unitLowerInverse } from "../graph/ops/unit_lower_inverse.ts";
import { constant, scalar } from "../graph/sources.ts";
import type { Dim, DType, Tensor } from "../graph/tensor.ts";

/** T tokens, H key heads, G value heads each. */
export interface DeltaInputs {
  /** [T, H, Dk], both of length about 1; queries scaled. */
  q: Tensor;
  k: Tensor;
  /** [T, H, G, Dv]. */
  v: Tensor;
  /** Logarithm of what is left of the memory, 0 or less; and how much is learnt, 0 to 1: [T, H, G]. */
  decay: Tensor;
  beta: Tensor;
}

/** Where sequences lie that stand side by side, int32 [T]. */
export interface Places {
  /** One number for each sequence. */
  sequence: Tensor;
  /** A token's place in its sequence. */
  place: Tensor;
}

/** What is read, and what is learnt (u above), both [T, H, G, Dv]. Each sequence begins with an empty memory. */
export function deltaRule(
  inputs: DeltaInputs,
  places: Places,
  size: number,
): { read: Tensor; learnt: Tensor } {
  const { q, k, v, decay, beta } = inChunks(inputs, size);
  const { same, old } = sequencesInChunks(places, size);
  const passed = matmul(cast(same, v.dtype), decay); // [M, H, G, C, 1], since the chunk or the sequence began
  const between = sub(passed, transpose(passed, SWAP)); // [M, H, G, C, C]
  const kept = exp(where(same, between, scalar(HIDDEN, v)));
  const keptOfOld = where(old, exp(passed), scalar(0, v)); // of the memory that the chunk begins with

  const overlap = mul(mul(matmul(k, k, { transB: true }), kept), beta);
  const inverse = unitLowerInverse(mul(overlap, below(size, v.dtype)));
  const alone = matmul(inverse, mul(beta, v)); // learnt if the chunk began with nothing
  const known = matmul(inverse, mul(k, mul(beta, keptOfOld))); // · S: what the memory knew of that

  const toEnd = transpose(slice(kept, -2, size - 1, size), SWAP); // [M, H, G, C, 1]
  const written = mul(k, toEnd);
  const left = slice(keptOfOld, -2, size - 1, size); // [M, H, G, 1, 1]
  const change = sub(
    mul(left, identity(k.shape.at(-1) as number, v.dtype)),
    matmul(written, known, { transA: true }),
  );
  const memory = linearScan(change, matmul(written, alone, { transA: true }), { reverse: false });

  const learnt = sub(alone, matmul(known, memory));
  const here = matmul(mul(matmul(q, k, { transB: true }), kept), learnt);
  const read = addMatmul(here, mul(q, keptOfOld), memory);
  const tokens = (x: Tensor) => unchunk(transpose(x, [0, 3, 1, 2, 4]), inputs.v);
  return { read: tokens(read), learnt: tokens(learnt) };
}

const SWAP = [0, 1, 2, 4, 3];

/** Of M chunks of C tokens: q and k [M, H, 1, C, Dk], v [M, H, G, C, Dv], decay and beta [M, H, G, C, 1]. */
function inChunks({ q, k, v, decay, beta }: DeltaInputs, size: number): DeltaInputs {
  const byHead = (x: Tensor, G: number, E: number) => {
    const [T, H] = x.shape as [Dim, number];
    return transpose(rowChunks(reshape(x, [T, H, G, E]), { size }), [0, 2, 3, 1, 4]);
  };
  const [, , G, Dv] = v.shape as [Dim, number, number, number];
  const Dk = k.shape[2] as number;
  return {
    ...{ q: byHead(q, 1, Dk), k: byHead(k, 1, Dk), v: byHead(v, G, Dv) },
    ...{ decay: byHead(decay, G, 1), beta: byHead(beta, G, 1) },
  };
}

/** Which tokens of a chunk see which, [M, 1, 1, C, C], and whose sequence began before it, [M, 1, 1, C, 1]. */
function sequencesInChunks({ sequence, place }: Places, size: number) {
  const [own, at] = [rowChunks(sequence, { size }), rowChunks(place, { size })];
  const M = own.shape[0]!;
  const slots = (shape: number[]) => constant([...Array(size).keys()], shape, "int32");
  const together = equal(reshape(own, [M, 1, 1, size, 1]), reshape(own, [M, 1, 1, 1, size]));
  return {
    same: and(together, lessOrEqual(slots([1, size]), slots([size, 1]))),
    old: less(slots([size, 1]), reshape(at, [M, 1, 1, size, 1])),
  };
}

const matrix = (size: number, dtype: DType, at: (i: number, j: number) => boolean) =>
  constant(
    Array.from({ length: size * size }, (_, k) => Number(at(Math.floor(k / size), k % size))),
    [size, size],
    dtype,
  );
const identity = (size: number, dtype: DType) => matrix(size, dtype, (i, j) => i === j);
const below = (size: number, dtype: DType) => matrix(size, dtype, (i, j) => j < i);
