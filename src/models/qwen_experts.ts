/** The mixtures of Qwen's families. */
import { add, mul, sigmoid } from "../graph/ops/elementwise.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { ActivationName } from "./config.ts";
import { gatedExperts, mixtureOfExperts, routeBySoftmax } from "./experts.ts";
import type { Pass } from "./family.ts";
import { gatedMlp } from "./layers.ts";
import type { Scope } from "./scope.ts";

interface LayerFields {
  mlp_only_layers?: number[] | null;
  decoder_sparse_step: number;
}

/** Whether a layer has a mixture of experts. */
export const isSparse = ({ mlp_only_layers: dense, decoder_sparse_step: step }: LayerFields, layer: number) =>
  !dense?.includes(layer) && (layer + 1) % step === 0;

interface SparseFields {
  hidden_act: ActivationName;
  moe_intermediate_size: number;
  num_experts_per_tok: number;
  norm_topk_prob: boolean;
}

export function sparseMlp(pass: Pass, c: SparseFields, count: number, p: Scope, x: Tensor): Tensor {
  const scores = p.linear("gate", x, count, { fixed: true });
  const routing = routeBySoftmax(scores, { chosen: c.num_experts_per_tok, normalized: c.norm_topk_prob });
  const experts = { count, size: c.moe_intermediate_size, activation: c.hidden_act };
  return mixtureOfExperts(pass, x, routing, gatedExperts(p.at("experts"), experts));
}

/**
 * A mixture of experts, and one more whose part a gate of its own decides; no adapter sits on that one where PEFT takes its name for
 * the experts'.
 */
export function withSharedExpert(
  pass: Pass,
  c: SparseFields & { num_experts: number; shared_expert_intermediate_size: number },
  p: Scope,
  x: Tensor,
  { fixed }: { fixed: boolean },
): Tensor {
  const shared = { size: c.shared_expert_intermediate_size, activation: c.hidden_act, fixed };
  const open = sigmoid(p.linear("shared_expert_gate", x, 1)); // [T, 1]
  const always = mul(open, gatedMlp(p.at("shared_expert"), x, shared));
  return add(sparseMlp(pass, c, c.num_experts, p, x), always);
}
