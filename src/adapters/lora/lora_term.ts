import { detach } from "../../graph/ops/detach.ts";
import { type DropoutWords, dropout } from "../../graph/ops/dropout.ts";
import { add, div, mul, sqrt, sub } from "../../graph/ops/elementwise.ts";
import { keep } from "../../graph/ops/keep.ts";
import { addMatmul, matmul } from "../../graph/ops/matmul.ts";
import { sum } from "../../graph/ops/reduce.ts";
import { reshape } from "../../graph/ops/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { LinearHook, LinearLayer } from "../../models/scope.ts";

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

/** The term of a module, when it has one. */
export type TermSource = (module: string, sizes: { in: number; out: number }) => LoraTerm | undefined;

/**
 * LoRA (Hu et al. 2021, https://arxiv.org/abs/2106.09685): y + scale · B·A·dropout(x) at the layers that have a term.
 * x [T, in], y [T, out].
 */
export function loraHook(termOf: TermSource): LinearHook {
  return (module, x, y, layer) => {
    const term = termOf(module, { in: x.shape.at(-1) as number, out: y.shape.at(-1) as number });
    return term ? adapted(x, y, layer, term) : y;
  };
}

function adapted(x: Tensor, y: Tensor, layer: LinearLayer, term: LoraTerm): Tensor {
  if (term.magnitude) return dora(x, y, layer, { ...term, magnitude: term.magnitude });
  const rest = term.start ? addProduct(y, x, { ...term.start, scale: -term.scale }) : y;
  return addProduct(rest, dropped(x, term), term);
}

/** Names of a module's parameters, as the graph and PEFT's files (behind their prefix) know them. */
export const loraNames = (module: string, embedding = false) => ({
  A: embedding ? `${module}.lora_embedding_A` : `${module}.lora_A.weight`,
  B: embedding ? `${module}.lora_embedding_B` : `${module}.lora_B.weight`,
  magnitude: `${module}.lora_magnitude_vector`,
});

/** A term with its magnitudes [out]. */
export type DoraTerm = LoraTerm & { magnitude: Tensor };

/**
 * DoRA (Liu et al. 2024, https://arxiv.org/abs/2402.09353): y = gain · (W·x + scale · B·A·x), the gain of each output
 * its magnitude over the norm of its row of W + scale · B·A. With dropout as PEFT computes it (tuners/lora/dora.py), whose
 * first term sees the whole input: W·x + (gain - 1) · W·x' + gain · scale · B·A·x', x' = dropout(x).
 */
export function dora(x: Tensor, y: Tensor, layer: LinearLayer, term: DoraTerm): Tensor {
  const gain = doraGain(layer, term);
  if (!term.dropout) return mul(addProduct(y, x, term), gain);
  const kept = dropped(x, term);
  const product = layer.product(kept);
  return add(y, sub(mul(addProduct(product, kept, term), gain), product));
}

/** Magnitudes over norms [out]. The norm is a constant in the backward pass (section 4.3 of the paper). */
export function doraGain(
  { weight, transposed }: Pick<LinearLayer, "weight" | "transposed">,
  { A, B, scale, magnitude }: DoraTerm,
): Tensor {
  const whole = transposed
    ? addMatmul(weight, A, B, { transA: true, transB: true, alpha: scale }) // [in, out]
    : addMatmul(weight, B, A, { alpha: scale }); // [out, in]
  const norm = sqrt(sum(mul(whole, whole), [transposed ? 0 : 1]));
  return div(magnitude, keep(detach(reshape(norm, magnitude.shape))));
}
