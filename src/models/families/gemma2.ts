/**
 * Gemma 2: Gemma with a norm before and behind each half of a block, every other layer under a sliding window, and bounded
 * attention scores and logits. Reference: transformers, models/gemma2/modeling_gemma2.py, with eager attention: the other
 * implementations leave the bound of the scores out.
 */
import * as z from "zod";
import { type BlockPart, sandwichBlock } from "../blocks.ts";
import { activation, headCount, parseFields, size } from "../config.ts";
import { decoder } from "../decoder.ts";
import type { Config, Family, Model } from "../family.ts";
import { layerTypes, layerWindows } from "../layer_types.ts";
import { gatedMlp, headSizes, type Norm, rmsNormsFromZero, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";
import { gemmaBase, scaleEmbedded } from "./gemma.ts";

const cap = z.number().positive().nullable();

/** What Gemma 2 and 3 have in common. */
export const gemma2Base = gemmaBase.extend({
  hidden_act: z.unknown().optional(), // Gemma 1's name of it
  hidden_activation: activation.default("gelu_pytorch_tanh"),
  num_key_value_heads: headCount.default(4),
  query_pre_attn_scalar: z.number().positive().default(256),
  sliding_window: size.nullable().default(4096),
  layer_types: layerTypes,
});

export const gemma2Fields = gemma2Base.extend({
  attn_logit_softcapping: cap.default(50),
  final_logit_softcapping: cap.default(30),
});

export const gemma2: Family = {
  modelType: "gemma2",
  read: (config) => readGemma2("gemma2", config, sandwichBlock),
};

/** Gemma 2's decoder with blocks put together by `block`. */
export function readGemma2(
  modelType: string,
  config: Config,
  block: (norm: Norm, attention: BlockPart, mlp: BlockPart) => BlockPart,
): Model {
  const c = parseFields("", gemma2Fields, config);
  const [heads, rope, norm] = [headSizes(c), ropeParameters(c), rmsNormsFromZero(c.rms_norm_eps)];
  const bias = { qkv: c.attention_bias, o: c.attention_bias };
  const windows = layerWindows(c, (layer) => layer % 2 === 0);
  const scores = { scale: c.query_pre_attn_scalar ** -0.5, softcap: c.attn_logit_softcapping ?? undefined };
  const mlp = { size: c.intermediate_size, activation: c.hidden_activation };
  return decoder(c, heads, {
    modelType,
    norm,
    rope,
    normStart: 0,
    embedded: scaleEmbedded,
    softcap: c.final_logit_softcapping ?? undefined,
    blocks(pass) {
      const prepare = rotation(pass, rope, heads.E);
      return block(
        norm,
        (p, x, layer) => {
          const attention = { ...scores, window: windows[layer] };
          return selfAttention(pass, layer, p, x, { heads, bias, prepare, attention });
        },
        (p, x) => gatedMlp(p, x, mlp),
      );
    },
  });
}
