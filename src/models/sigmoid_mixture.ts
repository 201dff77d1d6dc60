/** The mixture of GLM-4.5 and DeepSeek V3: experts by sigmoids, each with a bias for the choice, beside some for every token. */
import { add, scale, sigmoid } from "../graph/ops/elementwise.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { ActivationName } from "./config.ts";
import { gatedExperts, mixtureOfExperts, ofBestGroups, routeWithBias } from "./experts.ts";
import type { Pass } from "./family.ts";
import { gatedMlp } from "./layers.ts";
import type { Scope } from "./scope.ts";

interface Fields {
  hidden_act: ActivationName;
  moe_intermediate_size: number;
  n_routed_experts: number;
  n_shared_experts: number;
  num_experts_per_tok: number;
  n_group: number;
  topk_group: number;
  norm_topk_prob: boolean | null;
  routed_scaling_factor: number;
}

/** A group counts as much as its best two experts. */
export const groupsOfSigmoid = (c: Fields) => ({
  experts: c.n_routed_experts,
  chosen: c.num_experts_per_tok,
  groups: c.n_group,
  kept: c.topk_group,
  best: 2,
});

export function sigmoidMixture(pass: Pass, c: Fields, p: Scope, x: Tensor): Tensor {
  const [count, activation, size] = [c.n_routed_experts, c.hidden_act, c.moe_intermediate_size];
  const shares = sigmoid(p.linear("gate", x, count, { fixed: true }));
  const biased = add(shares, p.at("gate").buffer("e_score_correction_bias", [count]));
  const scores = ofBestGroups(biased, groupsOfSigmoid(c));
  const least = c.norm_topk_prob ? 1e-20 : undefined;
  const { chosen, weights } = routeWithBias(shares, scores, c.num_experts_per_tok, least);
  const routing = { chosen, weights: scale(weights, c.routed_scaling_factor) };
  const shared = { size: size * c.n_shared_experts, activation, fixed: true };
  const y = mixtureOfExperts(pass, x, routing, gatedExperts(p.at("experts"), { count, size, activation }));
  return add(y, gatedMlp(p.at("shared_experts"), x, shared));
}
