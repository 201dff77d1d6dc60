/**
 * Llama-style decoder: pre-norm blocks of grouped-query attention with rotary embedding, and a gated MLP. Parameter names
 * are the checkpoint's own. Reference: transformers, models/llama/modeling_llama.py.
 */
import * as z from "zod";
import { preNormBlock } from "../blocks.ts";
import { parseFields } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Family } from "../family.ts";
import { gatedMlp, headSizes, rmsNorms, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";

export const llamaFields = decoderFields.extend({
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
});

export const llama: Family = {
  modelType: "llama",
  read(config) {
    const c = parseFields("", llamaFields, config);
    const [heads, rope, norm] = [headSizes(c), ropeParameters(c), rmsNorms(c.rms_norm_eps)];
    const bias = { qkv: c.attention_bias, o: c.attention_bias };
    const mlp = { size: c.intermediate_size, activation: c.hidden_act, bias: c.mlp_bias };
    return decoder(c, heads, {
      modelType: "llama",
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
