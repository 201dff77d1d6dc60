import { detach } from "../../graph/ops/detach.ts";
import { add, div, mul, sqrt, sub } from "../../graph/ops/elementwise.ts";
import { keep } from "../../graph/ops/keep.ts";
import { addMatmul } from "../../graph/ops/matmul.ts";
import { sum } from "../../graph/ops/reduce.ts";
import { reshape } from "../../graph/ops/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { LinearLayer } from "../../models/scope.ts";
import { addProduct, dropped, type LoraTerm } from "./lora_term.ts";

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
