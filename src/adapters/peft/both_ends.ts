import { transposed } from "../../math/transposed.ts";
import { type Adapter, isLora, type LoraWeights } from "../adapter.ts";

/** An adapter whose output layer follows the embedding, with what PEFT's files hold of both. */
export function bothEnds(adapter: Adapter): Adapter {
  const { follows, parameters } = adapter;
  if (!follows) return adapter;
  const own = parameters?.get(`${follows.embedding}.weight`);
  if (own) return { ...adapter, parameters: new Map(parameters).set(`${follows.head}.weight`, own) };
  if (!isLora(adapter)) return adapter;
  const { modules } = adapter;
  return {
    ...adapter,
    modules: new Map(modules).set(follows.head, otherEnd(modules.get(follows.embedding)!)),
  };
}

/** The term of a tied output layer from the embedding's, or the other way round: (B·A)ᵀ = Aᵀ·Bᵀ. */
export function otherEnd({ A, B, r, in: inputs, out, embedding }: LoraWeights): LoraWeights {
  return {
    A: transposed(B, out, r),
    B: transposed(A, r, inputs),
    r,
    in: out,
    out: inputs,
    ...(!embedding && { embedding: true }),
  };
}
