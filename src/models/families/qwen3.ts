/** Qwen3: Llama's decoder with each query and key head normed. Reference: transformers, models/qwen3/modeling_qwen3.py. */
import * as z from "zod";
import { preNormBlock } from "../blocks.ts";
import { headCount, headSize, parseFields } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Family } from "../family.ts";
import { gatedMlp, headSizes, rmsNorms, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";
import { qwenWindowFields, qwenWindows } from "./qwen2.ts";

export const qwen3Fields = decoderFields.extend({
  ...qwenWindowFields,
  num_key_value_heads: headCount.nullable().default(32),
  head_dim: headSize.default(128),
  attention_bias: z.boolean().default(false),
});

export const qwen3: Family = {
  modelType: "qwen3",
  read(config) {
    const c = parseFields("", qwen3Fields, config);
    const [heads, rope, norm] = [headSizes(c), ropeParameters(c), rmsNorms(c.rms_norm_eps)];
    const bias = { qkv: c.attention_bias, o: c.attention_bias };
    const windows = qwenWindows(c);
    const mlp = { size: c.intermediate_size, activation: c.hidden_act };
    return decoder(c, heads, {
      modelType: "qwen3",
      norm,
      rope,
      blocks(pass) {
        const rotate = rotation(pass, rope, heads.E);
        return preNormBlock(
          norm,
          (p, x, layer) =>
            selfAttention(pass, layer, p, x, {
              heads,
              bias,
              prepare: (t, name) => rotate(norm(p.at(`${name}_norm`), t)),
              attention: { window: windows[layer] },
            }),
          (p, x) => gatedMlp(p, x, mlp),
        );
      },
    });
  },
};
