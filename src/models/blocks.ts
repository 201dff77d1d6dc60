/** How families put a block together from its two halves. */

import { add, scale } from "../graph/ops/elementwise.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Norm } from "./layers.ts";
import type { Scope } from "./scope.ts";

/** One of a block's two halves: x [T, D] -> what it adds to the residual stream. */
export type BlockPart = (p: Scope, x: Tensor, layer: number) => Tensor;

const LLAMA_BLOCK = {
  attentionNorm: "input_layernorm",
  attention: "self_attn",
  mlpNorm: "post_attention_layernorm",
  mlp: "mlp",
};

/** Llama's block: each half reads the normed stream; what it adds is scaled by `residual`. */
export function preNormBlock(
  norm: Norm,
  attention: BlockPart,
  mlp: BlockPart,
  { residual = 1, ...other }: Partial<typeof LLAMA_BLOCK> & { residual?: number } = {},
): BlockPart {
  const names = { ...LLAMA_BLOCK, ...other };
  const scaled = (t: Tensor) => (residual === 1 ? t : scale(t, residual));
  return (p, x, layer) => {
    const attended = attention(p.at(names.attention), norm(p.at(names.attentionNorm), x), layer);
    const h = add(x, scaled(attended));
    return add(h, scaled(mlp(p.at(names.mlp), norm(p.at(names.mlpNorm), h), layer)));
  };
}

/** OLMo 2's block: each half reads the stream as it is, and what it adds is normed. */
export const postNormBlock =
  (norm: Norm, attention: BlockPart, mlp: BlockPart): BlockPart =>
  (p, x, layer) => {
    const attended = attention(p.at("self_attn"), x, layer);
    const h = add(x, norm(p.at("post_attention_layernorm"), attended));
    return add(h, norm(p.at("post_feedforward_layernorm"), mlp(p.at("mlp"), h, layer)));
  };

const GEMMA2_BLOCK = {
  attentionNorm: "input_layernorm",
  attendedNorm: "post_attention_layernorm",
  mlpNorm: "pre_feedforward_layernorm",
  addedNorm: "post_feedforward_layernorm",
};

/** Gemma 2's block: both halves read the normed stream, and what they add is normed too. */
export const sandwichBlock =
  (norm: Norm, attention: BlockPart, mlp: BlockPart, names = GEMMA2_BLOCK): BlockPart =>
  (p, x, layer) => {
    const attended = attention(p.at("self_attn"), norm(p.at(names.attentionNorm), x), layer);
    const h = add(x, norm(p.at(names.attendedNorm), attended));
    const y = mlp(p.at("mlp"), norm(p.at(names.mlpNorm), h), layer);
    return add(h, norm(p.at(names.addedNorm), y));
  };

/** Cohere's block: attention and MLP side by side, both reading the same normed stream. */
export const parallelBlock =
  (norm: Norm, attention: BlockPart, mlp: BlockPart): BlockPart =>
  (p, x, layer) => {
    const normed = norm(p.at("input_layernorm"), x);
    const attended = attention(p.at("self_attn"), normed, layer);
    return add(add(x, attended), mlp(p.at("mlp"), normed, layer));
  };
