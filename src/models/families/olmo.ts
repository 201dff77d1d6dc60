/**
 * OLMo: Llama's decoder with layer norms that have no weights, and bounded queries, keys and values.
 * Reference: transformers, models/olmo/modeling_olmo.py.
 */
import * as z from "zod";
import { less, where } from "../../graph/ops/elementwise.ts";
import { layerNorm } from "../../graph/ops/norm.ts";
import { scalar } from "../../graph/sources.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { preNormBlock } from "../blocks.ts";
import { parseFields } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Family } from "../family.ts";
import { filled, gatedMlp, headSizes, type Norm, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";

export const olmoFields = decoderFields.extend({
  attention_bias: z.boolean().default(false),
  clip_qkv: z.number().positive().nullish(),
});

export const olmo: Family = {
  modelType: "olmo",
  read(config) {
    const c = parseFields("", olmoFields, config);
    const [heads, rope] = [headSizes(c), ropeParameters(c)];
    const bias = { qkv: c.attention_bias, o: c.attention_bias };
    const bound = c.clip_qkv;
    const projected = (x: Tensor) => (bound ? clipped(x, bound) : x);
    const mlp = { size: c.intermediate_size, activation: c.hidden_act };
    return decoder(c, heads, {
      modelType: "olmo",
      norm,
      rope,
      blocks(pass) {
        const prepare = rotation(pass, rope, heads.E);
        return preNormBlock(
          norm,
          (p, x, layer) => selfAttention(pass, layer, p, x, { heads, bias, projected, prepare }),
          (p, x) => gatedMlp(p, x, mlp),
        );
      },
    });
  },
};

/** Without weights; 1e-5 is built in. */
const norm: Norm = (_, x) => {
  const width = x.shape.at(-1) as number;
  return layerNorm(x, filled(1, width), filled(0, width), { eps: 1e-5 });
};

/** Within -bound and bound; no gradient beyond them. */
export function clipped(x: Tensor, bound: number): Tensor {
  const [low, high] = [scalar(-bound, x), scalar(bound, x)];
  return where(less(x, low), low, where(less(high, x), high, x));
}
