/** ERNIE 4.5, dense: Llama's decoder with neighbours rotated in pairs. Reference: transformers, models/ernie4_5/modeling_ernie4_5.py. */
import * as z from "zod";
import { preNormBlock } from "../blocks.ts";
import { headCount, headSize, parseFields } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Family } from "../family.ts";
import { gatedMlp, headSizes, rmsNorms, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotationOfNeighbours } from "../rotary.ts";

export const ernie45Fields = decoderFields.extend({
  num_key_value_heads: headCount.nullable().default(2),
  head_dim: headSize.nullable().default(128),
  rms_norm_eps: z.number().nonnegative().default(1e-5),
  tie_word_embeddings: z.boolean().default(true),
  use_bias: z.boolean().default(false),
});

export const ernie45: Family = {
  modelType: "ernie4_5",
  read(config) {
    const c = parseFields("", ernie45Fields, config);
    const [heads, norm] = [headSizes(c), rmsNorms(c.rms_norm_eps)];
    const rope = ropeParameters(c, { theta: 500_000 });
    const bias = { qkv: c.use_bias, o: c.use_bias };
    const mlp = { size: c.intermediate_size, activation: c.hidden_act, bias: c.use_bias };
    return decoder(c, heads, {
      modelType: "ernie4_5",
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
