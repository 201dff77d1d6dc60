/**
 * Gemma 3, its text model: Gemma 2 with normed query and key heads instead of bounds, and five layers under a sliding window
 * to one that sees all, each kind with a rotary base of its own. Reference: transformers, models/gemma3/modeling_gemma3.py.
 */
import * as z from "zod";
import { sandwichBlock } from "../blocks.ts";
import { parseFields, size } from "../config.ts";
import { decoder } from "../decoder.ts";
import type { Family } from "../family.ts";
import { readRopesByLayer, ropesByLayer } from "../layer_ropes.ts";
import { layerWindows, slidingLayers } from "../layer_types.ts";
import { gatedMlp, headSizes, rmsNormsFromZero, selfAttention } from "../layers.ts";
import { rotation } from "../rotary.ts";
import { scaleEmbedded } from "./gemma.ts";
import { gemma2Base } from "./gemma2.ts";

// transformers computes Gemma 3 without either bound, whatever config.json says of the scores.
const none = z.null("Gemma 3 is computed without a bound").optional();
export const gemma3Fields = gemma2Base.extend({
  attn_logit_softcapping: none,
  final_logit_softcapping: z.number().positive().nullish(),
  sliding_window_pattern: size.default(6),
  rope_local_base_freq: z.number().positive().default(10_000),
  rope_parameters: ropesByLayer,
});

export const gemma3Text: Family = {
  modelType: "gemma3_text",
  read(config) {
    const c = parseFields("", gemma3Fields, config);
    const [heads, ropes, norm] = [headSizes(c), gemma3Ropes(c), rmsNormsFromZero(c.rms_norm_eps)];
    const bias = { qkv: c.attention_bias, o: c.attention_bias };
    const everySixth = (layer: number) => (layer + 1) % c.sliding_window_pattern !== 0;
    const [slides, windows] = [slidingLayers(c, everySixth), layerWindows(c, everySixth)];
    const mlp = { size: c.intermediate_size, activation: c.hidden_activation };
    return decoder(c, heads, {
      modelType: "gemma3_text",
      norm,
      rope: ropes.full,
      normStart: 0,
      embedded: scaleEmbedded,
      softcap: c.final_logit_softcapping ?? undefined,
      blocks(pass) {
        const [near, far] = [rotation(pass, ropes.sliding, heads.E), rotation(pass, ropes.full, heads.E)];
        return sandwichBlock(
          norm,
          (p, x, layer) => {
            const rotate = slides[layer] ? near : far;
            return selfAttention(pass, layer, p, x, {
              heads,
              bias,
              prepare: (t, name) => rotate(norm(p.at(`${name}_norm`), t)),
              attention: { scale: c.query_pre_attn_scalar ** -0.5, window: windows[layer] },
            });
          },
          (p, x) => gatedMlp(p, x, mlp),
        );
      },
    });
  },
};

/** Of the layers that see all, and of those that see a window. */
export const gemma3Ropes = (c: z.output<typeof gemma3Fields>): ReturnType<typeof readRopesByLayer> =>
  readRopesByLayer(c, { full: 1_000_000, sliding: c.rope_local_base_freq });
