import { type DropoutWords, dropout } from "../../graph/ops/dropout.ts";
import { addMatmul, matmul } from "../../graph/ops/matmul.ts";
import type { Tensor } from "../../graph/tensor.ts";

/** The low-rank term of one layer: A [r, in], B [out, r]. */
export interface LoraTerm {
  A: Tensor;
  B: Tensor;
  /** alpha / r, or alpha / √r. */
  scale: number;
  /** Dropout of the term's input, while training. */
  dropout?: { p: number; words: DropoutWords };
  /** DoRA's magnitudes [out]. */
  magnitude?: Tensor;
  /** What A and B began as, where that was taken out of the layer's weight: W - scale · B·A stands in its place. */
  start?: { A: Tensor; B: Tensor };
}

/** y + scale · B·A·x. */
export const addProduct = (
  y: Tensor,
  x: Tensor,
  { A, B, scale }: Pick<LoraTerm, "A" | "B" | "scale">,
): Tensor => addMatmul(y, matmul(x, A, { transB: true }), B, { transB: true, alpha: scale });

export const dropped = (x: Tensor, { dropout: drops }: Pick<LoraTerm, "dropout">): Tensor =>
  drops ? dropout(x, drops.p, drops.words) : x;
