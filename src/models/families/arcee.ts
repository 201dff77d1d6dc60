/** Arcee (AFM): Llama's decoder with a plain MLP of squared ReLUs. Reference: transformers, models/arcee/modeling_arcee.py. */
import * as z from "zod";
import { preNormBlock } from "../blocks.ts";
import { activation, parseFields } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Family } from "../family.ts";
import { headSizes, plainMlp, rmsNorms, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";

export const arceeFields = decoderFields.extend({
  hidden_act: activation.default("relu2"),
  rms_norm_eps: z.number().nonnegative().default(1e-5),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
});

export const arcee: Family = {
  modelType: "arcee",
  read(config) {
    const c = parseFields("", arceeFields, config);
    const [heads, rope, norm] = [headSizes(c), ropeParameters(c), rmsNorms(c.rms_norm_eps)];
    const bias = { qkv: c.attention_bias, o: c.attention_bias };
    const mlp = { size: c.intermediate_size, activation: c.hidden_act, bias: c.mlp_bias };
    return decoder(c, heads, {
      modelType: "arcee",
      norm,
      rope,
      blocks(pass) {
        const prepare = rotation(pass, rope, heads.E);
        return preNormBlock(
          norm,
          (p, x, layer) => selfAttention(pass, layer, p, x, { heads, bias, prepare }),
          (p, x) => plainMlp(p, x, mlp),
        );
      },
    });
  },
};
