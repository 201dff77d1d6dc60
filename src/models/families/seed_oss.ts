/**
 * Seed-OSS: Llama's decoder with a bias on q, k and v, and another switch for o's.
 * Reference: transformers, models/seed_oss/modeling_seed_oss.py. Its dropouts are not applied.
 */
import * as z from "zod";
import { preNormBlock } from "../blocks.ts";
import { headCount, headSize, parseFields } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Family } from "../family.ts";
import { gatedMlp, headSizes, rmsNorms, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";

export const seedOssFields = decoderFields.extend({
  num_key_value_heads: headCount.nullable().default(8),
  head_dim: headSize.nullable().default(128),
  attention_bias: z.boolean().default(true),
  attention_out_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
});

export const seedOss: Family = {
  modelType: "seed_oss",
  read(config) {
    const c = parseFields("", seedOssFields, config);
    const [heads, rope, norm] = [headSizes(c), ropeParameters(c), rmsNorms(c.rms_norm_eps)];
    const bias = { qkv: c.attention_bias, o: c.attention_out_bias };
    const mlp = { size: c.intermediate_size, activation: c.hidden_act, bias: c.mlp_bias };
    return decoder(c, heads, {
      modelType: "seed_oss",
      norm,
      rope,
      blocks(pass) {
        const prepare = rotation(pass, rope, heads.E);
        return preNormBlock(
          norm,
          (p, x, layer) => selfAttention(pass, layer, p, x, { heads, bias, prepare }),
          (p, x) => gatedMlp(p, x, mlp),
        );
      },
    });
  },
};
