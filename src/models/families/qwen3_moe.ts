/**
 * Qwen3 with a mixture of experts for an MLP. Adapters sit on its attention: PEFT takes the names of a layer that has one MLP for
 * the experts'. Reference: transformers, models/qwen3_moe/modeling_qwen3_moe.py.
 */
import * as z from "zod";
import { expertCount, headCount, notComputed, parseFields, size } from "../config.ts";
import { decoderFields } from "../decoder.ts";
import type { Family } from "../family.ts";
import { unusedWindow, usedWindow } from "../layer_types.ts";
import { gatedMlp } from "../layers.ts";
import { isSparse, sparseMlp } from "../qwen_experts.ts";
import { qwenDecoder } from "./qwen2.ts";

export const qwen3MoeFields = decoderFields.extend({
  num_key_value_heads: headCount.nullable().default(4),
  attention_bias: z.boolean().default(false),
  use_sliding_window: z.boolean().default(false),
  sliding_window: unusedWindow.default(4096),
  decoder_sparse_step: size.default(1),
  mlp_only_layers: z.array(z.int().nonnegative()).nullish(),
  moe_intermediate_size: size,
  num_experts: expertCount.nullish(),
  num_local_experts: expertCount.nullish(),
  num_experts_per_tok: expertCount,
  norm_topk_prob: z.boolean().default(false),
});

export const qwen3Moe: Family = {
  modelType: "qwen3_moe",
  read(config) {
    const c = parseFields("", qwen3MoeFields, config);
    const window = c.use_sliding_window ? usedWindow(c) : undefined;
    const mlp = { size: c.intermediate_size, activation: c.hidden_act, fixed: true };
    const experts = c.num_local_experts ?? c.num_experts; // transformers 5's name, and 4's
    if (!experts) throw notComputed([{ place: "num_experts", problem: "is missing" }]);
    return qwenDecoder(c, {
      modelType: "qwen3_moe",
      bias: { qkv: c.attention_bias, o: c.attention_bias },
      windows: Array(c.num_hidden_layers).fill(window),
      headNorms: true,
      mlp: (pass) => (p, x, layer) =>
        isSparse(c, layer) ? sparseMlp(pass, c, experts, p, x) : gatedMlp(p, x, mlp),
    });
  },
};
