/** Granite: Llama's decoder with four factors of its own. Reference: transformers, models/granite/modeling_granite.py. */
import * as z from "zod";
import { scale } from "../../graph/ops/elementwise.ts";
import { preNormBlock } from "../blocks.ts";
import { parseFields } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Family } from "../family.ts";
import { gatedMlp, headSizes, rmsNorms, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";

const factor = z.number().positive().default(1);
export const graniteFields = decoderFields.extend({
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  embedding_multiplier: factor,
  attention_multiplier: factor,
  residual_multiplier: factor,
  logits_scaling: factor,
});

export const granite: Family = {
  modelType: "granite",
  read(config) {
    const c = parseFields("", graniteFields, config);
    const [heads, rope, norm] = [headSizes(c), ropeParameters(c), rmsNorms(c.rms_norm_eps)];
    const bias = { qkv: c.attention_bias, o: c.attention_bias };
    const attention = { scale: c.attention_multiplier };
    const mlp = { size: c.intermediate_size, activation: c.hidden_act, bias: c.mlp_bias };
    return decoder(c, heads, {
      modelType: "granite",
      norm,
      rope,
      embedded: (x) => scale(x, c.embedding_multiplier),
      logitScale: 1 / c.logits_scaling,
      blocks(pass) {
        const prepare = rotation(pass, rope, heads.E);
        return preNormBlock(
          norm,
          (p, x, layer) => selfAttention(pass, layer, p, x, { heads, bias, prepare, attention }),
          (p, x) => gatedMlp(p, x, mlp),
          { residual: c.residual_multiplier },
        );
      },
    });
  },
};
