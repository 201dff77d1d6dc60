/**
 * StableLM: Llama's decoder with layer norms and only the front of a head rotated; in some sizes attention and MLP side by
 * side, in some a norm for each head. Reference: transformers, models/stablelm/modeling_stablelm.py.
 */
import * as z from "zod";
import { mul } from "../../graph/ops/elementwise.ts";
import { layerNorm } from "../../graph/ops/norm.ts";
import { concat, reshape } from "../../graph/ops/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { parallelBlock, preNormBlock } from "../blocks.ts";
import { headCount, parseFields } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Family } from "../family.ts";
import { filled, gatedMlp, headSizes, layerNorms, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";
import type { Scope } from "../scope.ts";

export const stablelmFields = decoderFields.extend({
  num_key_value_heads: headCount.default(32),
  layer_norm_eps: z.number().nonnegative().default(1e-5),
  use_qkv_bias: z.boolean().default(false),
  qk_layernorm: z.boolean().default(false),
  use_parallel_residual: z.boolean().default(false),
});

export const stablelm: Family = {
  modelType: "stablelm",
  read(config) {
    const c = parseFields("", stablelmFields, config);
    const [heads, norm] = [headSizes({ ...c, head_dim: undefined }), layerNorms(c.layer_norm_eps)];
    const rope = ropeParameters(c, { rotated: 0.25 });
    const bias = { qkv: c.use_qkv_bias, o: false };
    const mlp = { size: c.intermediate_size, activation: c.hidden_act };
    const block = c.use_parallel_residual ? parallelBlock : preNormBlock;
    return decoder(c, heads, {
      modelType: "stablelm",
      norm,
      rope,
      blocks(pass) {
        const rotate = rotation(pass, rope, heads.E);
        return block(
          norm,
          (p, x, layer) => {
            const prepare = (t: Tensor, name: string) =>
              rotate(c.qk_layernorm ? normEach(p.at(`${name}_layernorm`), t, c.layer_norm_eps) : t);
            return selfAttention(pass, layer, p, x, { heads, bias, prepare });
          },
          (p, x) => gatedMlp(p, x, mlp),
        );
      },
    });
  },
};

/** Each head [T, K, G, E] normed with weights [E] of its own. */
function normEach(p: Scope, x: Tensor, eps: number): Tensor {
  const [, K, G, E] = x.shape as [string, number, number, number];
  const weights = Array.from({ length: K * G }, (_, head) => p.param(`norms.${head}.weight`, [E]));
  return mul(layerNorm(x, filled(1, E), filled(0, E), { eps }), reshape(concat(weights, 0), [1, K, G, E]));
}
