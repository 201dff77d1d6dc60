/**
 * GPT-OSS: every second layer under a window, heads with a sink that weights may go to, and a mixture of experts with bounded
 * gates. Adapters sit on its attention. Reference: transformers, models/gpt_oss/modeling_gpt_oss.py.
 */
import * as z from "zod";
import { preNormBlock } from "../blocks.ts";
import { boundedExperts } from "../bounded_experts.ts";
import { expertCount, headCount, headSize, parseFields } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import { mixtureOfExperts, routeByChosen } from "../experts.ts";
import type { Family } from "../family.ts";
import { layerTypes, layerWindows, unusedWindow } from "../layer_types.ts";
import { headSizes, rmsNorms, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";

export const gptOssFields = decoderFields.extend({
  num_key_value_heads: headCount.nullable().default(8),
  head_dim: headSize.nullable().default(64),
  rms_norm_eps: z.number().nonnegative().default(1e-5),
  attention_bias: z.boolean().default(true),
  layer_types: layerTypes,
  sliding_window: unusedWindow.default(128),
  num_local_experts: expertCount.default(128),
  num_experts_per_tok: expertCount.default(4),
});

export const GPT_OSS_ROPE = {
  ...{ rope_type: "yarn", factor: 32, beta_fast: 32, beta_slow: 1, truncate: false },
  original_max_position_embeddings: 4096,
};

export const gptOss: Family = {
  modelType: "gpt_oss",
  aliases: { num_experts: "num_local_experts" },
  read(config) {
    const own = parseFields("", gptOssFields, config);
    const c = { ...own, rope_parameters: own.rope_parameters ?? GPT_OSS_ROPE };
    const [heads, norm] = [headSizes(c), rmsNorms(c.rms_norm_eps)];
    const rope = ropeParameters(c, { theta: 150_000 });
    const windows = layerWindows(c, (layer) => layer % 2 === 0);
    const bias = { qkv: c.attention_bias, o: c.attention_bias };
    const sizes = { count: c.num_local_experts, size: c.intermediate_size };
    return decoder(c, heads, {
      modelType: "gpt_oss",
      norm,
      rope,
      blocks(pass) {
        const prepare = rotation(pass, rope, heads.E);
        return preNormBlock(
          norm,
          (p, x, layer) => {
            const attention = { window: windows[layer], sinks: p.param("sinks", [heads.K * heads.G]) };
            return selfAttention(pass, layer, p, x, { heads, bias, prepare, attention });
          },
          (p, x) => {
            const scores = p.linear("router", x, c.num_local_experts, { bias: true, fixed: true });
            const routing = routeByChosen(scores, c.num_experts_per_tok);
            return mixtureOfExperts(pass, x, routing, boundedExperts(p.at("experts"), sizes));
          },
        );
      },
    });
  },
};
