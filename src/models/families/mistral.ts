/** Mistral: Llama's decoder with a sliding attention window. Reference: transformers, models/mistral/modeling_mistral.py. */
import { parseFields, size } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Family } from "../family.ts";
import { gatedMlp, headSizes, preNormBlock, rmsNorms, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";

// What config.json may leave out has Mistral's own defaults; a window of null is none.
const mistralFields = decoderFields.extend({
  num_key_value_heads: size.nullable().default(8),
  sliding_window: size.nullable().default(4096),
});

export const mistral: Family = {
  modelType: "mistral",
  read(config) {
    const c = parseFields("", mistralFields, config);
    const [heads, rope, norm] = [headSizes(c), ropeParameters(c), rmsNorms(c.rms_norm_eps)];
    const attention = { window: c.sliding_window ?? undefined };
    const mlp = { size: c.intermediate_size, activation: c.hidden_act };
    return decoder(c, heads, {
      modelType: "mistral",
      norm,
      rope,
      blocks(pass) {
        const prepare = rotation(pass, rope, heads.E);
        return preNormBlock(
          norm,
          (p, x, layer) => selfAttention(pass, layer, p, x, { heads, prepare, attention }),
          (p, x) => gatedMlp(p, x, mlp),
        );
      },
    });
  },
};
