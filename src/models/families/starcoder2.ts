/**
 * StarCoder2: Llama's blocks with layer norms, biases, a plain gelu MLP and a sliding attention window.
 * Reference: transformers, models/starcoder2/modeling_starcoder2.py. Its dropouts are not applied.
 */
import * as z from "zod";
import { preNormBlock } from "../blocks.ts";
import { activation, headCount, parseFields, size } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Family } from "../family.ts";
import { headSizes, layerNorms, plainMlp, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";

export const starcoder2Fields = decoderFields.extend({
  num_key_value_heads: headCount.default(2),
  hidden_act: activation.default("gelu_pytorch_tanh"),
  norm_epsilon: z.number().nonnegative().default(1e-5),
  initializer_range: z.number().nonnegative().default(0.018042),
  tie_word_embeddings: z.boolean().default(true),
  use_bias: z.boolean().default(true),
  sliding_window: size.nullish(),
});

export const starcoder2: Family = {
  modelType: "starcoder2",
  read(config) {
    const c = parseFields("", starcoder2Fields, config);
    const [heads, rope, norm] = [headSizes(c), ropeParameters(c), layerNorms(c.norm_epsilon)];
    const mlp = { size: c.intermediate_size, activation: c.hidden_act, bias: c.use_bias };
    const bias = { qkv: c.use_bias, o: c.use_bias };
    const attention = { window: c.sliding_window ?? undefined };
    return decoder(c, heads, {
      modelType: "starcoder2",
      norm,
      rope,
      blocks(pass) {
        const prepare = rotation(pass, rope, heads.E);
        return preNormBlock(
          norm,
          (p, x, layer) => selfAttention(pass, layer, p, x, { heads, bias, prepare, attention }),
          (p, x) => plainMlp(p, x, mlp, { up: "c_fc", down: "c_proj" }),
        );
      },
    });
  },
};
