import { add, scale } from "../../graph/ops/elementwise.ts";
import { reshape, slice, transpose } from "../../graph/ops/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { ExpertsHook, ExpertsProduct } from "../../models/scope.ts";
import type { LoraTerm, TermSource } from "./lora_term.ts";

/**
 * LoRA on a parameter of n experts, as PEFT's `target_parameters` has it: each expert has a term of its own. A is [n·r, in], expert
 * by expert, B [out, r·n], whose columns are those of the first rank of all experts, and so on.
 */
export const expertsHook =
  (termOf: TermSource): ExpertsHook =>
  (parameter, x, parts, { count, product }) => {
    const out = parts.reduce((sum, part) => sum + width(part), 0);
    const term = termOf(parameter, { in: width(x), out });
    return term ? addTerm(parts, change(x, term, count, product)) : parts;
  };

const width = (t: Tensor) => t.shape.at(-1) as number;

/** scale · B·A·x of each row's expert: [R, out]. */
function change(x: Tensor, { A, B, scale: factor }: LoraTerm, n: number, product: ExpertsProduct): Tensor {
  const r = (A.shape[0] as number) / n;
  const [inputs, out] = [width(x), B.shape[0] as number];
  const low = product(x, [reshape(A, [n, r, inputs])], true); // [R, r]
  const high = transpose(reshape(B, [out, r, n]), [2, 0, 1]); // [n, out, r]
  return scale(product(low, [high], true), factor);
}

function addTerm(parts: readonly Tensor[], whole: Tensor): Tensor[] {
  if (parts.length === 1) return [add(parts[0]!, whole)];
  let at = 0;
  return parts.map((part) => {
    const from = at;
    at += width(part);
    return add(part, slice(whole, 1, from, at));
  });
}
