/**
 * OLMoE: Llama's blocks with queries and keys normed, and with a mixture of experts for an MLP. Adapters sit on attention.
 * Reference: transformers, models/olmoe/modeling_olmoe.py.
 */
import * as z from "zod";
import type { Tensor } from "../../graph/tensor.ts";
import { preNormBlock } from "../blocks.ts";
import { expertCount, parseFields } from "../config.ts";
import { decoder } from "../decoder.ts";
import { gatedExperts, mixtureOfExperts, routeBySoftmax } from "../experts.ts";
import type { Family } from "../family.ts";
import { attend, headSizes, rmsNorms, splitHeads } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";
import { clipped, olmoFields } from "./olmo.ts";
import { normAll } from "./olmo2.ts";

export const olmoeFields = olmoFields.extend({
  rms_norm_eps: z.number().nonnegative().default(1e-5),
  num_experts: expertCount.default(64),
  num_experts_per_tok: expertCount.default(8),
  norm_topk_prob: z.boolean().default(false),
});

export const olmoe: Family = {
  modelType: "olmoe",
  aliases: { num_local_experts: "num_experts" },
  read(config) {
    const c = parseFields("", olmoeFields, config);
    const [heads, rope, norm] = [headSizes(c), ropeParameters(c), rmsNorms(c.rms_norm_eps)];
    const { K, G, E } = heads;
    const bias = c.attention_bias;
    const bounded = (x: Tensor) => (c.clip_qkv ? clipped(x, c.clip_qkv) : x);
    const experts = { count: c.num_experts, size: c.intermediate_size, activation: c.hidden_act };
    const choice = { chosen: c.num_experts_per_tok, normalized: c.norm_topk_prob };
    return decoder(c, heads, {
      modelType: "olmoe",
      norm,
      rope,
      blocks(pass) {
        const rotate = rotation(pass, rope, E);
        return preNormBlock(
          norm,
          (p, x, layer) => {
            const project = (name: string, groups: number) =>
              splitHeads(p.linear(`${name}_proj`, x, K * groups * E, { bias }), K, groups, E);
            const ready = (name: string, groups: number) =>
              rotate(bounded(normAll(norm, p.at(`${name}_norm`), project(name, groups))));
            const v = bounded(project("v", 1));
            const y = attend(pass, layer, { q: ready("q", G), k: ready("k", 1), v });
            return p.linear("o_proj", y, c.hidden_size, { bias });
          },
          (p, x) => {
            const routing = routeBySoftmax(p.linear("gate", x, c.num_experts, { fixed: true }), choice);
            return mixtureOfExperts(pass, x, routing, gatedExperts(p.at("experts"), experts));
          },
        );
      },
    });
  },
};
