/** Qwen3: Llama's decoder with each query and key head normed. Reference: transformers, models/qwen3/modeling_qwen3.py. */
import * as z from "zod";
import { headCount, headSize, parseFields } from "../config.ts";
import { decoderFields } from "../decoder.ts";
import type { Family } from "../family.ts";
import { gatedMlp } from "../layers.ts";
import { qwenDecoder, qwenWindowFields, qwenWindows } from "./qwen2.ts";

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
    const mlp = { size: c.intermediate_size, activation: c.hidden_act };
    return qwenDecoder(c, {
      modelType: "qwen3",
      bias: { qkv: c.attention_bias, o: c.attention_bias },
      windows: qwenWindows(c),
      headNorms: true,
      mlp: () => (p, x) => gatedMlp(p, x, mlp),
    });
  },
};
