/**
 * Mistral: Llama's decoder with a sliding attention window, on all layers or, with `layer_types`, on some, which
 * transformers calls Ministral. Reference: transformers, models/mistral/modeling_mistral.py and models/ministral.
 */

import { preNormBlock } from "../blocks.ts";
import { headCount, parseFields, size } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Family } from "../family.ts";
import { layerTypes, layerWindows } from "../layer_types.ts";
import { gatedMlp, headSizes, rmsNorms, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";

// What config.json may leave out has Mistral's own defaults; a window of null is none.
export const mistralFields = decoderFields.extend({
  num_key_value_heads: headCount.nullable().default(8),
  sliding_window: size.nullable().default(4096),
  layer_types: layerTypes,
});

export const mistral: Family = {
  modelType: "mistral",
  read(config) {
    const c = parseFields("", mistralFields, config);
    const [heads, rope, norm] = [headSizes(c), ropeParameters(c), rmsNorms(c.rms_norm_eps)];
    const windows = layerWindows(c, () => true);
    const mlp = { size: c.intermediate_size, activation: c.hidden_act };
    return decoder(c, heads, {
      modelType: "mistral",
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
