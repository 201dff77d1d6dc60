/**
 * GLM-4.5, 4.6: Llama's blocks with the front of a head rotated, and a mixture of experts beside one for every token. Adapters sit on
 * attention: PEFT takes the names of other MLPs for the experts'. Reference: transformers, models/glm4_moe/modeling_glm4_moe.py.
 */
import * as z from "zod";
import type { Tensor } from "../../graph/tensor.ts";
import { preNormBlock } from "../blocks.ts";
import { expertCount, headCount, parseFields, size } from "../config.ts";
import { decoder, decoderFields, LLAMA } from "../decoder.ts";
import type { Family } from "../family.ts";
import { gatedMlp, headSizes, rmsNorms, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";
import { sigmoidMixture } from "../sigmoid_mixture.ts";

const oneGroup = z.literal(1, "attune chooses experts among all, not by groups").default(1);
export const glm4MoeFields = decoderFields.extend({
  num_key_value_heads: headCount.nullable().default(8),
  rms_norm_eps: z.number().nonnegative().default(1e-5),
  attention_bias: z.boolean().default(false),
  use_qk_norm: z.boolean().default(false),
  moe_intermediate_size: size.default(1408),
  num_experts_per_tok: expertCount.default(8),
  n_shared_experts: expertCount.default(1),
  n_routed_experts: expertCount.default(128),
  routed_scaling_factor: z.number().default(1),
  n_group: oneGroup,
  topk_group: oneGroup,
  first_k_dense_replace: z.int().nonnegative().default(1),
  norm_topk_prob: z.boolean().default(true),
});

export const glm4Moe: Family = {
  modelType: "glm4_moe",
  aliases: { num_local_experts: "n_routed_experts" },
  // Files bring a layer more, which predicts several tokens at once; transformers passes these two over.
  names: { ...LLAMA, beside: ["model.layers.46", "model.layers.92"] },
  read(config) {
    const c = parseFields("", glm4MoeFields, config);
    const [heads, norm] = [headSizes(c), rmsNorms(c.rms_norm_eps)];
    const rope = ropeParameters(c, { rotated: 1 });
    const bias = { qkv: c.attention_bias, o: false };
    const mlp = { size: c.intermediate_size, activation: c.hidden_act, fixed: true };
    return decoder(c, heads, {
      modelType: "glm4_moe",
      norm,
      rope,
      blocks(pass) {
        const rotate = rotation(pass, rope, heads.E);
        return preNormBlock(
          norm,
          (p, x, layer) => {
            const normed = (t: Tensor, name: string) => (c.use_qk_norm ? norm(p.at(`${name}_norm`), t) : t);
            const prepare = (t: Tensor, name: string) => rotate(normed(t, name));
            return selfAttention(pass, layer, p, x, { heads, bias, prepare });
          },
          (p, x, layer) =>
            layer < c.first_k_dense_replace ? gatedMlp(p, x, mlp) : sigmoidMixture(pass, c, p, x),
        );
      },
    });
  },
};
