import { type DropoutWords, dropout } from "../graph/ops/dropout.ts";
import { addMatmul, matmul } from "../graph/ops/matmul.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { LinearHook } from "../models/scope.ts";

/** The low-rank term of one linear layer: A [r, in], B [out, r]. */
export interface LoraTerm {
  A: Tensor;
  B: Tensor;
  /** alpha / r. */
  scale: number;
  /** Dropout of the term's input, while training. */
  dropout?: { p: number; words: DropoutWords };
}

/**
 * LoRA (Hu et al. 2021, https://arxiv.org/abs/2106.09685): y + scale · B·A·dropout(x) at the layers that have a term.
 * x [T, in], y [T, out].
 */
export function loraHook(
  termOf: (module: string, sizes: { in: number; out: number }) => LoraTerm | undefined,
): LinearHook {
  return (module, x, y) => {
    const term = termOf(module, { in: x.shape.at(-1) as number, out: y.shape.at(-1) as number });
    if (!term) return y;
    const { A, B, scale } = term;
    const kept = term.dropout ? dropout(x, term.dropout.p, term.dropout.words) : x;
    const low = matmul(kept, A, { transB: true }); // [T, r]
    return addMatmul(y, low, B, { transB: true, alpha: scale });
  };
}

/** Names of a module's two parameters, as the graph and PEFT's files (behind their prefix) know them. */
export const loraNames = (module: string) => ({ A: `${module}.lora_A.weight`, B: `${module}.lora_B.weight` });
