import type { Tensor } from "../../graph/tensor.ts";
import type { LinearHook, LinearLayer } from "../../models/scope.ts";
import { dora } from "./dora.ts";
import { addProduct, dropped, type LoraTerm } from "./lora_term.ts";

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
