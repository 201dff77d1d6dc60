/** Helium: Llama's decoder with neighbours rotated in pairs. Reference: transformers, models/helium/modeling_helium.py. */
import * as z from "zod";
import { preNormBlock } from "../blocks.ts";
import { headCount, headSize, parseFields } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Family } from "../family.ts";
import { gatedMlp, headSizes, rmsNorms, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotationOfNeighbours } from "../rotary.ts";

const heliumFields = decoderFields.extend({
  num_key_value_heads: headCount.default(20),
  head_dim: headSize.default(128),
  rms_norm_eps: z.number().nonnegative().default(1e-8),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
});

export const helium: Family = {
  modelType: "helium",
  read(config) {
    const c = parseFields("", heliumFields, config);
    const [heads, norm] = [headSizes(c), rmsNorms(c.rms_norm_eps)];
    const rope = ropeParameters(c, { theta: 100_000 });
    const bias = { qkv: c.attention_bias, o: false };
    const mlp = { size: c.intermediate_size, activation: c.hidden_act, bias: c.mlp_bias };
    return decoder(c, heads, {
      modelType: "helium",
      norm,
      rope,
      blocks(pass) {
        const prepare = rotationOfNeighbours(pass, rope, heads.E);
        return preNormBlock(
          norm,
          (p, x, layer) => selfAttention(pass, layer, p, x, { heads, bias, prepare }),
          (p, x) => gatedMlp(p, x, mlp),
        );
      },
    });
  },
};
