/**
 * Cohere (Command R): attention and MLP side by side, both reading one layer norm without bias, neighbours rotated in
 * pairs, scaled logits. Reference: transformers, models/cohere/modeling_cohere.py.
 */
import * as z from "zod";
import { mul } from "../../graph/ops/elementwise.ts";
import { layerNorm } from "../../graph/ops/norm.ts";
import { reshape } from "../../graph/ops/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { parallelBlock } from "../blocks.ts";
import { parseFields } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Family } from "../family.ts";
import { filled, gatedMlp, headSizes, layerNormsWithoutBias, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotationOfNeighbours } from "../rotary.ts";
import type { Scope } from "../scope.ts";

export const cohereBase = decoderFields.extend({
  layer_norm_eps: z.number().nonnegative().default(1e-5),
  logit_scale: z.number().positive().default(0.0625),
  tie_word_embeddings: z.boolean().default(true),
  attention_bias: z.boolean().default(false),
});
export const cohereFields = cohereBase.extend({ use_qk_norm: z.boolean().nullish() });

export const cohere: Family = {
  modelType: "cohere",
  read(config) {
    const c = parseFields("", cohereFields, config);
    const [heads, rope] = [headSizes(c), ropeParameters(c, { theta: 500_000 })];
    const norm = layerNormsWithoutBias(c.layer_norm_eps);
    const bias = { qkv: c.attention_bias, o: c.attention_bias };
    const mlp = { size: c.intermediate_size, activation: c.hidden_act };
    return decoder(c, heads, {
      modelType: "cohere",
      norm,
      rope,
      logitScale: c.logit_scale,
      blocks(pass) {
        const rotate = rotationOfNeighbours(pass, rope, heads.E);
        return parallelBlock(
          norm,
          (p, x, layer) => {
            const prepare = (t: Tensor, name: string) =>
              rotate(c.use_qk_norm ? normHeads(p.at(`${name}_norm`), t, c.layer_norm_eps) : t);
            return selfAttention(pass, layer, p, x, { heads, bias, prepare });
          },
          (p, x) => gatedMlp(p, x, mlp),
        );
      },
    });
  },
};

/** Each head [T, K, G, E] normed, with weights of its own [K·G, E]. */
function normHeads(p: Scope, x: Tensor, eps: number): Tensor {
  const [, K, G, E] = x.shape as [string, number, number, number];
  const weight = reshape(p.param("weight", [K * G, E]), [1, K, G, E]);
  return mul(layerNorm(x, filled(1, E), filled(0, E), { eps }), weight);
}
