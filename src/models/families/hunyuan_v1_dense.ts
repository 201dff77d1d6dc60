/**
 * Hunyuan, dense: Llama's decoder with each query and key head normed, after it was rotated.
 * Reference: transformers, models/hunyuan_v1_dense/modeling_hunyuan_v1_dense.py.
 */
import * as z from "zod";
import type { Tensor } from "../../graph/tensor.ts";
import { preNormBlock } from "../blocks.ts";
import { parseFields } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Family } from "../family.ts";
import { gatedMlp, headSizes, rmsNorms, selfAttention } from "../layers.ts";
import { type RopeParameters, ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";

export const hunyuanFields = decoderFields.extend({
  rms_norm_eps: z.number().nonnegative().default(1e-5),
  attention_bias: z.boolean().default(false),
});
type HunyuanFields = z.output<typeof hunyuanFields>;
const NORMS = { q: "query_layernorm", k: "key_layernorm" };

export const hunyuanV1Dense: Family = {
  modelType: "hunyuan_v1_dense",
  read(config) {
    const c = parseFields("", hunyuanFields, config);
    const [heads, norm] = [headSizes(c), rmsNorms(c.rms_norm_eps)];
    const rope = hunyuanRope(c, heads.E);
    const bias = { qkv: c.attention_bias, o: c.attention_bias };
    const mlp = { size: c.intermediate_size, activation: c.hidden_act };
    return decoder(c, heads, {
      modelType: "hunyuan_v1_dense",
      norm,
      rope,
      blocks(pass) {
        const rotate = rotation(pass, rope, heads.E);
        return preNormBlock(
          norm,
          (p, x, layer) => {
            const prepare = (t: Tensor, name: "q" | "k") => norm(p.at(NORMS[name]), rotate(t));
            return selfAttention(pass, layer, p, x, { heads, bias, prepare });
          },
          (p, x) => gatedMlp(p, x, mlp),
        );
      },
    });
  },
};

const alphaField = z.looseObject({ alpha: z.number().nonnegative().nullish() });

/**
 * A "dynamic" rotation with `alpha` has one base for all lengths, as its authors' code has: theta · alpha^(E / (E - 2)).
 * transformers does so up to max_position_embeddings, and leaves alpha out beyond.
 */
export function hunyuanRope(c: HunyuanFields, E: number): RopeParameters {
  const rope = ropeParameters(c);
  const place = c.rope_scaling ? "rope_scaling" : "rope_parameters";
  const { alpha } = parseFields(place, alphaField, c[place] ?? {});
  if (rope.type !== "dynamic" || !alpha) return rope;
  return { type: "default", theta: rope.theta * alpha ** (E / (E - 2)), rotated: rope.rotated };
}
