/**
 * Ministral 3: Mistral's decoder whose queries grow with their position, as Llama 4's do, on top of YaRN.
 * Reference: transformers, models/ministral3/modeling_ministral3.py.
 */
import * as z from "zod";
import { cast, log, mul, scale, shift } from "../../graph/ops/elementwise.ts";
import { reshape } from "../../graph/ops/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { preNormBlock } from "../blocks.ts";
import { headCount, headSize, parseFields, size } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Config, Family, Pass } from "../family.ts";
import { gatedMlp, headSizes, rmsNorms, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";

// What transformers takes where config.json leaves the rotation out.
const ROPE = {
  ...{ rope_type: "yarn", rope_theta: 1_000_000, factor: 16, original_max_position_embeddings: 16_384 },
  ...{ beta_fast: 32, beta_slow: 1, mscale_all_dim: 1, mscale: 1, llama_4_scaling_beta: 0.1 },
};
const ministral3Fields = decoderFields.extend({
  num_key_value_heads: headCount.nullable().default(8),
  head_dim: headSize.nullable().default(128),
  rms_norm_eps: z.number().nonnegative().default(1e-5),
  sliding_window: size.nullish(),
});
const growthFields = z.looseObject({
  llama_4_scaling_beta: z.number().nonnegative(),
  original_max_position_embeddings: size,
});
type Growth = z.output<typeof growthFields>;

/** What config.json says, and how queries grow. */
export function readMinistral3(config: Config) {
  const own = parseFields("", ministral3Fields, config);
  const c = { ...own, rope_parameters: own.rope_parameters ?? ROPE };
  const place = c.rope_scaling ? "rope_scaling" : "rope_parameters";
  return { c, growth: parseFields(place, growthFields, c[place]) };
}

export const ministral3: Family = {
  modelType: "ministral3",
  read(config) {
    const { c, growth } = readMinistral3(config);
    const [heads, rope, norm] = [headSizes(c), ropeParameters(c), rmsNorms(c.rms_norm_eps)];
    const attention = { window: c.sliding_window ?? undefined };
    const mlp = { size: c.intermediate_size, activation: c.hidden_act };
    return decoder(c, heads, {
      modelType: "ministral3",
      norm,
      rope,
      blocks(pass) {
        const [rotate, factor] = [rotation(pass, rope, heads.E), queryFactor(pass, growth)];
        const prepare = (t: Tensor, name: string) => (name === "q" ? mul(rotate(t), factor) : rotate(t));
        return preNormBlock(
          norm,
          (p, x, layer) => selfAttention(pass, layer, p, x, { heads, prepare, attention }),
          (p, x) => gatedMlp(p, x, mlp),
        );
      },
    });
  },
};

/** 1 + β · log(1 + ⌊position / original length⌋): [T, 1, 1, 1]. */
function queryFactor(pass: Pass, { llama_4_scaling_beta: beta, ...c }: Growth): Tensor {
  const positions = cast(pass.positions, "float32");
  const share = scale(positions, 1 / c.original_max_position_embeddings);
  const whole = cast(cast(share, "int32"), "float32");
  return reshape(shift(scale(log(shift(whole, 1)), beta), 1), [positions.shape[0]!, 1, 1, 1]);
}
