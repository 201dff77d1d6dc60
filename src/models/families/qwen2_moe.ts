/**
 * Qwen 1.5 and 2 with a mixture of experts for an MLP, one of them for every token. Adapters sit on attention, on that one and
 * on the layers that have one MLP. Reference: transformers, models/qwen2_moe/modeling_qwen2_moe.py.
 */
import * as z from "zod";
import { expertCount, headCount, notComputed, parseFields, size } from "../config.ts";
import { decoderFields } from "../decoder.ts";
import type { Family } from "../family.ts";
import { slidingLayers, usedWindow } from "../layer_types.ts";
import { gatedMlp } from "../layers.ts";
import { isSparse, withSharedExpert } from "../qwen_experts.ts";
import { qwenDecoder, qwenWindowFields } from "./qwen2.ts";

export const qwen2MoeFields = decoderFields.extend({
  ...qwenWindowFields,
  num_key_value_heads: headCount.nullable().default(16),
  qkv_bias: z.boolean().default(true),
  decoder_sparse_step: size.default(1),
  mlp_only_layers: z.array(z.int().nonnegative()).nullish(),
  moe_intermediate_size: size.default(1408),
  shared_expert_intermediate_size: size.default(5632),
  num_experts: expertCount.default(60),
  num_experts_per_tok: expertCount.default(4),
  norm_topk_prob: z.boolean().default(false),
});
type Fields = z.output<typeof qwen2MoeFields>;

export const qwen2Moe: Family = {
  modelType: "qwen2_moe",
  read(config) {
    const c = parseFields("", qwen2MoeFields, config);
    const mlp = { size: c.intermediate_size, activation: c.hidden_act };
    return qwenDecoder(c, {
      modelType: "qwen2_moe",
      bias: { qkv: c.qkv_bias, o: false },
      windows: windowsOf(c),
      mlp: (pass) => (p, x, layer) =>
        isSparse(c, layer) ? withSharedExpert(pass, c, p, x, { fixed: false }) : gatedMlp(p, x, mlp),
    });
  },
};

/** Every second layer below max_window_layers slides, if any does. */
export function windowsOf(c: Fields): (number | undefined)[] {
  const sliding = slidingLayers(c, (layer) => layer % 2 === 0 && layer < c.max_window_layers);
  if (!c.use_sliding_window && c.layer_types?.includes("sliding_attention"))
    throw notComputed([
      {
        place: "use_sliding_window",
        expected: "true, since layer_types has layers that slide",
        got: "false",
      },
    ]);
  return sliding.map((slides) => (slides && c.use_sliding_window ? usedWindow(c) : undefined));
}
