/**
 * GLM (GLM-4-9B): Llama's blocks with gate and up in one projection and the front of a head rotated, neighbours in pairs.
 * Reference: transformers, models/glm/modeling_glm.py.
 */
import * as z from "zod";
import { type BlockPart, preNormBlock } from "../blocks.ts";
import { headCount, headSize, parseFields } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Config, Family, Model } from "../family.ts";
import { fusedGatedMlp, headSizes, type Norm, rmsNorms, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotationOfNeighbours } from "../rotary.ts";

export const glmFields = decoderFields.extend({
  num_key_value_heads: headCount.nullable().default(2),
  head_dim: headSize.nullable().default(128),
  rms_norm_eps: z.number().nonnegative().default(1.5625e-7),
  attention_bias: z.boolean().default(true),
});

export const glm: Family = {
  modelType: "glm",
  read: (config) => readGlm("glm", config, preNormBlock),
};

/** GLM's decoder with blocks put together by `block`. */
export function readGlm(
  modelType: string,
  config: Config,
  block: (norm: Norm, attention: BlockPart, mlp: BlockPart) => BlockPart,
): Model {
  const c = parseFields("", glmFields, config);
  const [heads, norm] = [headSizes(c), rmsNorms(c.rms_norm_eps)];
  const rope = ropeParameters(c, { rotated: 0.5 });
  const bias = { qkv: c.attention_bias, o: false };
  const mlp = { size: c.intermediate_size, activation: c.hidden_act };
  return decoder(c, heads, {
    modelType,
    norm,
    rope,
    blocks(pass) {
      const prepare = rotationOfNeighbours(pass, rope, heads.E);
      return block(
        norm,
        (p, x, layer) => selfAttention(pass, layer, p, x, { heads, bias, prepare }),
        (p, x) => fusedGatedMlp(p, x, mlp),
      );
    },
  });
}
