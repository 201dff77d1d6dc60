/**
 * OLMo 2: Llama's decoder with norms behind the halves of a block instead of before, and all queries, and all keys, normed
 * together. Reference: transformers, models/olmo2/modeling_olmo2.py.
 */
import * as z from "zod";
import { add } from "../../graph/ops/elementwise.ts";
import { reshape } from "../../graph/ops/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { parseFields } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Family } from "../family.ts";
import { gatedMlp, headSizes, rmsNorms, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";
import type { Scope } from "../scope.ts";

export const olmo2Fields = decoderFields.extend({
  rms_norm_eps: z.number().nonnegative().default(1e-5),
  attention_bias: z.boolean().default(false),
});

export const olmo2: Family = {
  modelType: "olmo2",
  read(config) {
    const c = parseFields("", olmo2Fields, config);
    const [heads, rope, norm] = [headSizes(c), ropeParameters(c), rmsNorms(c.rms_norm_eps)];
    const bias = { qkv: c.attention_bias, o: c.attention_bias };
    const mlp = { size: c.intermediate_size, activation: c.hidden_act };
    const normAll = (p: Scope, x: Tensor) => {
      const [T, K, G, E] = x.shape as [string, number, number, number];
      return reshape(norm(p, reshape(x, [T, K * G * E])), x.shape);
    };
    return decoder(c, heads, {
      modelType: "olmo2",
      norm,
      rope,
      blocks(pass) {
        const rotate = rotation(pass, rope, heads.E);
        return (p, x, layer) => {
          const own = p.at("self_attn");
          const prepare = (t: Tensor, name: string) => rotate(normAll(own.at(`${name}_norm`), t));
          const attended = selfAttention(pass, layer, own, x, { heads, bias, prepare });
          const h = add(x, norm(p.at("post_attention_layernorm"), attended));
          return add(h, norm(p.at("post_feedforward_layernorm"), gatedMlp(p.at("mlp"), h, mlp)));
        };
      },
    });
  },
};
