/**
 * Apertus: Llama's blocks with each query and key head normed, and a plain MLP of xIELUs, whose two slopes are learned.
 * Reference: transformers, models/apertus/modeling_apertus.py.
 */
import * as z from "zod";
import { add, exp, less, log, mul, scale, shift, sub, where } from "../../graph/ops/elementwise.ts";
import { scalar } from "../../graph/sources.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { preNormBlock } from "../blocks.ts";
import { parseFields } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Config, Family } from "../family.ts";
import { headSizes, rmsNorms, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";
import type { Scope } from "../scope.ts";

// What transformers takes where config.json leaves the rotation out.
const ROPE = {
  ...{ rope_type: "llama3", rope_theta: 12_000_000, factor: 8, original_max_position_embeddings: 8192 },
  ...{ low_freq_factor: 1, high_freq_factor: 4 },
};
const apertusFields = decoderFields.extend({
  hidden_act: z.literal("xielu").default("xielu"),
  rms_norm_eps: z.number().nonnegative().default(1e-5),
  attention_bias: z.boolean().default(false),
});

/** What config.json says, and the rotation by it. */
export function readApertus(config: Config) {
  const own = parseFields("", apertusFields, config);
  const c = { ...own, rope_parameters: own.rope_parameters ?? ROPE };
  return { c, rope: ropeParameters(c, { theta: 12_000_000 }) };
}

export const apertus: Family = {
  modelType: "apertus",
  read(config) {
    const { c, rope } = readApertus(config);
    const [heads, norm] = [headSizes(c), rmsNorms(c.rms_norm_eps)];
    const bias = { qkv: c.attention_bias, o: c.attention_bias };
    return decoder(c, heads, {
      modelType: "apertus",
      norm,
      rope,
      blocks(pass) {
        const rotate = rotation(pass, rope, heads.E);
        return preNormBlock(
          norm,
          (p, x, layer) => {
            const prepare = (t: Tensor, name: string) => rotate(norm(p.at(`${name}_norm`), t));
            return selfAttention(pass, layer, p, x, { heads, bias, prepare });
          },
          (p, x) => {
            const widened = xielu(p.at("act_fn"), p.linear("up_proj", x, c.intermediate_size));
            return p.linear("down_proj", widened, c.hidden_size);
          },
          { attentionNorm: "attention_layernorm", mlpNorm: "feedforward_layernorm" },
        );
      },
    });
  },
};

export const BETA = 0.5;
export const EPS = -1e-6;

/**
 * αp·x² + β·x above 0, αn·(eˣ - 1 - x) + β·x below (Huang and Schlag 2024, https://arxiv.org/abs/2411.13010). The two slopes are
 * softplus(alpha_p) and β + softplus(alpha_n). Files hold β and eps too, which are the same in all of them.
 */
function xielu(p: Scope, x: Tensor): Tensor {
  const slope = (name: string) => log(shift(exp(p.param(name, [1])), 1));
  const above = mul(slope("alpha_p"), mul(x, x));
  const near = where(less(x, scalar(EPS, x)), x, scalar(EPS, x));
  const below = mul(shift(slope("alpha_n"), BETA), sub(shift(exp(near), -1), x));
  return add(where(less(scalar(0, x), x), above, below), scale(x, BETA));
}
