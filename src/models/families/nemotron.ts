/**
 * Nemotron and Minitron: Llama's blocks with layer norms whose weights are kept less 1, a plain MLP of squared ReLUs, and only
 * the front of a head rotated. Reference: transformers, models/nemotron/modeling_nemotron.py.
 */
import * as z from "zod";
import { preNormBlock } from "../blocks.ts";
import { activation, parseFields } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Family } from "../family.ts";
import { headSizes, layerNormsFromZero, plainMlp, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";

export const nemotronFields = decoderFields.extend({
  hidden_act: activation.default("relu2"),
  norm_eps: z.number().nonnegative().default(1e-5),
  initializer_range: z.number().nonnegative().default(0.0134),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
});

export const nemotron: Family = {
  modelType: "nemotron",
  read(config) {
    const c = parseFields("", nemotronFields, config);
    const [heads, norm] = [headSizes(c), layerNormsFromZero(c.norm_eps)];
    const rope = ropeParameters(c, { rotated: 0.5 });
    const bias = { qkv: c.attention_bias, o: c.attention_bias };
    const mlp = { size: c.intermediate_size, activation: c.hidden_act, bias: c.mlp_bias };
    return decoder(c, heads, {
      modelType: "nemotron",
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
