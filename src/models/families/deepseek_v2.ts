/**
 * DeepSeek V2: latent attention, and a mixture of experts beside some for every token. Adapters sit on attention: PEFT takes the
 * names of other MLPs for the experts'. Reference: transformers, models/deepseek_v2/modeling_deepseek_v2.py.
 */
import * as z from "zod";
import { add, scale } from "../../graph/ops/elementwise.ts";
import { softmax } from "../../graph/ops/softmax.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { preNormBlock } from "../blocks.ts";
import { expertCount, parseFields, size } from "../config.ts";
import { decoder } from "../decoder.ts";
import { checkGroups, gatedExperts, largest, mixtureOfExperts, ofBestGroups, ofChosen } from "../experts.ts";
import type { Family, Pass } from "../family.ts";
import { latentAttention, latentFields, latentHeads, latentRope } from "../latent_attention.ts";
import { gatedMlp, rmsNorms } from "../layers.ts";
import type { Scope } from "../scope.ts";

export const deepseekV2Fields = latentFields.extend({
  mlp_bias: z.boolean().default(false),
  moe_intermediate_size: size.default(1407),
  num_experts_per_tok: expertCount,
  n_shared_experts: expertCount.default(2),
  n_routed_experts: expertCount.default(64),
  routed_scaling_factor: z.number().default(1),
  topk_method: z.enum(["greedy", "group_limited_greedy"]).default("greedy"),
  n_group: expertCount.nullish(),
  topk_group: expertCount.nullish(),
  first_k_dense_replace: z.int().nonnegative().default(0),
});
type Fields = z.output<typeof deepseekV2Fields>;

export const deepseekV2: Family = {
  modelType: "deepseek_v2",
  aliases: { num_experts: "n_routed_experts" },
  read(config) {
    const c = parseFields("", deepseekV2Fields, config);
    const norm = rmsNorms(c.rms_norm_eps);
    checkGroups(groupsOf(c));
    const mlp = { size: c.intermediate_size, activation: c.hidden_act, bias: c.mlp_bias, fixed: true };
    return decoder(c, latentHeads(c), {
      modelType: "deepseek_v2",
      norm,
      rope: latentRope(c),
      blocks: (pass) =>
        preNormBlock(norm, latentAttention(c, pass, { neighbours: true }), (p, x, layer) =>
          layer < c.first_k_dense_replace ? gatedMlp(p, x, mlp) : mixture(pass, c, p, x),
        ),
    });
  },
};

const groupsOf = (c: Fields) => ({
  experts: c.n_routed_experts,
  chosen: c.num_experts_per_tok,
  groups: c.topk_method === "greedy" ? 1 : (c.n_group ?? 1),
  kept: c.topk_method === "greedy" ? 1 : (c.topk_group ?? 1),
  best: 1,
});

function mixture(pass: Pass, c: Fields, p: Scope, x: Tensor): Tensor {
  const [count, activation, size] = [c.n_routed_experts, c.hidden_act, c.moe_intermediate_size];
  const shares = softmax(p.linear("gate", x, count, { fixed: true }));
  const chosen = largest(ofBestGroups(shares, groupsOf(c)), c.num_experts_per_tok);
  const routing = { chosen, weights: scale(ofChosen(chosen, shares), c.routed_scaling_factor) };
  const y = mixtureOfExperts(pass, x, routing, gatedExperts(p.at("experts"), { count, size, activation }));
  const shared = { size: size * c.n_shared_experts, activation, bias: c.mlp_bias, fixed: true };
  return add(y, gatedMlp(p.at("shared_experts"), x, shared));
}
