/**
 * DeepSeek V3 and R1: latent attention, and a mixture of experts chosen by groups, beside one for every token. Adapters sit on
 * attention: PEFT takes the names of other MLPs for the experts'. Reference: transformers, models/deepseek_v3/modeling_deepseek_v3.py.
 */
import * as z from "zod";
import { preNormBlock } from "../blocks.ts";
import { expertCount, parseFields, size } from "../config.ts";
import { decoder, LLAMA } from "../decoder.ts";
import { checkGroups } from "../experts.ts";
import type { Family } from "../family.ts";
import { latentAttention, latentFields, latentHeads, latentRope } from "../latent_attention.ts";
import { gatedMlp, rmsNorms } from "../layers.ts";
import { groupsOfSigmoid, sigmoidMixture } from "../sigmoid_mixture.ts";

export const deepseekV3Fields = latentFields.extend({
  rope_interleave: z.boolean().nullable().default(true),
  moe_intermediate_size: size.default(2048),
  num_experts_per_tok: expertCount.default(8),
  n_shared_experts: expertCount.default(1),
  n_routed_experts: expertCount.default(256),
  routed_scaling_factor: z.number().default(2.5),
  n_group: expertCount.default(8),
  topk_group: expertCount.default(4),
  first_k_dense_replace: z.int().nonnegative().default(3),
  norm_topk_prob: z.boolean().nullable().default(true),
});

export const deepseekV3: Family = {
  modelType: "deepseek_v3",
  aliases: { num_local_experts: "n_routed_experts" },
  // Files bring a layer more, which predicts several tokens at once; transformers passes it over.
  names: { ...LLAMA, beside: ["model.layers.61"] },
  read(config) {
    const c = parseFields("", deepseekV3Fields, config);
    const norm = rmsNorms(c.rms_norm_eps);
    checkGroups(groupsOfSigmoid(c));
    const mlp = { size: c.intermediate_size, activation: c.hidden_act, fixed: true };
    return decoder(c, latentHeads(c), {
      modelType: "deepseek_v3",
      norm,
      rope: latentRope(c),
      blocks: (pass) =>
        preNormBlock(
          norm,
          latentAttention(c, pass, { neighbours: c.rope_interleave === true }),
          (p, x, layer) =>
            layer < c.first_k_dense_replace ? gatedMlp(p, x, mlp) : sigmoidMixture(pass, c, p, x),
        ),
    });
  },
};
