/**
 * Code World Model: Llama's decoder, three of four layers under a sliding window, the first of each four not.
 * Reference: transformers, models/cwm/modeling_cwm.py.
 */
import * as z from "zod";
import { preNormBlock } from "../blocks.ts";
import { headCount, headSize, parseFields } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Family } from "../family.ts";
import { layerTypes, layerWindows, unusedWindow } from "../layer_types.ts";
import { gatedMlp, headSizes, rmsNorms, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";

// What transformers takes where config.json leaves the rotation out.
const ROPE = {
  ...{ rope_type: "llama3", rope_theta: 1_000_000, factor: 16, original_max_position_embeddings: 8192 },
  ...{ low_freq_factor: 1, high_freq_factor: 4 },
};
const cwmFields = decoderFields.extend({
  num_key_value_heads: headCount.nullable().default(8),
  head_dim: headSize.nullable().default(128),
  rms_norm_eps: z.number().nonnegative().default(1e-5),
  mlp_bias: z.boolean().default(false),
  sliding_window: unusedWindow.default(8192),
  layer_types: layerTypes,
});

export const cwm: Family = {
  modelType: "cwm",
  read(config) {
    const own = parseFields("", cwmFields, config);
    const c = { ...own, rope_parameters: own.rope_parameters ?? ROPE };
    const [heads, norm] = [headSizes(c), rmsNorms(c.rms_norm_eps)];
    const rope = ropeParameters(c, { theta: 1_000_000 });
    const windows = layerWindows(c, (layer) => layer % 4 !== 0);
    const mlp = { size: c.intermediate_size, activation: c.hidden_act, bias: c.mlp_bias };
    return decoder(c, heads, {
      modelType: "cwm",
      norm,
      rope,
      blocks(pass) {
        const prepare = rotation(pass, rope, heads.E);
        return preNormBlock(
          norm,
          (p, x, layer) => {
            const attention = { window: windows[layer] };
            return selfAttention(pass, layer, p, x, { heads, prepare, attention });
          },
          (p, x) => gatedMlp(p, x, mlp),
        );
      },
    });
  },
};
