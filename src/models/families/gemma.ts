/**
 * Gemma: Llama's decoder with embeddings scaled by √D, norms whose weights are kept less 1, and a gelu-gated MLP.
 * Reference: transformers, models/gemma/modeling_gemma.py.
 */
import * as z from "zod";
import { scale } from "../../graph/ops/elementwise.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { preNormBlock } from "../blocks.ts";
import { activation, headCount, headSize, notComputed, parseFields } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Family } from "../family.ts";
import { gatedMlp, headSizes, rmsNormsFromZero, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";

/** What Gemma's generations have in common. */
export const gemmaBase = decoderFields.extend({
  head_dim: headSize.default(256),
  tie_word_embeddings: z.boolean().default(true),
  attention_bias: z.boolean().default(false),
  use_bidirectional_attention: z.literal(false, "attune's attention looks back only").nullish(),
});

export const gemmaFields = gemmaBase.extend({
  num_key_value_heads: headCount.default(16),
  hidden_act: activation.default("gelu_pytorch_tanh"),
  hidden_activation: z.string().nullish(),
});

/** x · √hidden_size. transformers rounds the factor to the embedding's type; this is float32's. */
export const scaleEmbedded = (x: Tensor): Tensor => scale(x, Math.sqrt(x.shape.at(-1) as number));

export const gemma: Family = {
  modelType: "gemma",
  read(config) {
    const c = parseFields("", gemmaFields, config);
    const [heads, rope, norm] = [headSizes(c), ropeParameters(c), rmsNormsFromZero(c.rms_norm_eps)];
    const bias = { qkv: c.attention_bias, o: c.attention_bias };
    const mlp = { size: c.intermediate_size, activation: gemmaActivation(c) };
    return decoder(c, heads, {
      modelType: "gemma",
      norm,
      rope,
      normStart: 0,
      embedded: scaleEmbedded,
      blocks(pass) {
        const prepare = rotation(pass, rope, heads.E);
        return preNormBlock(
          norm,
          (p, x, layer) => selfAttention(pass, layer, p, x, { heads, bias, prepare }),
          (p, x) => gatedMlp(p, x, mlp),
        );
      },
    });
  },
};

/**
 * Gemma's first files say "gelu" and mean its tanh form. transformers 4 knew `hidden_activation` as well, and put it first;
 * 5 doesn't read it.
 */
export function gemmaActivation({ hidden_act, hidden_activation }: z.output<typeof gemmaFields>) {
  const meant = (name: string) => (name === "gelu" ? "gelu_pytorch_tanh" : name);
  if (hidden_activation && meant(hidden_activation) !== meant(hidden_act))
    throw notComputed([
      {
        place: "hidden_activation",
        problem: `contradicts hidden_act, "${hidden_act}", and only one of them can be computed`,
        got: JSON.stringify(hidden_activation),
        wayOut: "Remove the wrong one",
      },
    ]);
  return hidden_act === "gelu" ? "gelu_pytorch_tanh" : hidden_act;
}
