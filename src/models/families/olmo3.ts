/**
 * OLMo 3: OLMo 2 with three layers under a sliding window to one that sees all; only the latter's rotation is stretched.
 * Reference: transformers, models/olmo3/modeling_olmo3.py.
 */
import type { Tensor } from "../../graph/tensor.ts";
import { postNormBlock } from "../blocks.ts";
import { parseFields, size } from "../config.ts";
import { decoder } from "../decoder.ts";
import type { Family } from "../family.ts";
import { readRopesByLayer, ropesByLayer } from "../layer_ropes.ts";
import { layerTypes, layerWindows, slidingLayers } from "../layer_types.ts";
import { gatedMlp, headSizes, rmsNorms, selfAttention } from "../layers.ts";
import { rotation } from "../rotary.ts";
import { normAll, olmo2Fields } from "./olmo2.ts";

export const olmo3Fields = olmo2Fields.extend({
  sliding_window: size.nullable().default(4096),
  layer_types: layerTypes,
  rope_parameters: ropesByLayer,
});

export const olmo3: Family = {
  modelType: "olmo3",
  read(config) {
    const c = parseFields("", olmo3Fields, config);
    const [heads, norm] = [headSizes(c), rmsNorms(c.rms_norm_eps)];
    const ropes = readRopesByLayer(c, { full: 500_000, sliding: 500_000 });
    const bias = { qkv: c.attention_bias, o: c.attention_bias };
    const threeOfFour = (layer: number) => (layer + 1) % 4 !== 0;
    const [slides, windows] = [slidingLayers(c, threeOfFour), layerWindows(c, threeOfFour)];
    const mlp = { size: c.intermediate_size, activation: c.hidden_act };
    return decoder(c, heads, {
      modelType: "olmo3",
      norm,
      rope: ropes.full,
      blocks(pass) {
        const [near, far] = [rotation(pass, ropes.sliding, heads.E), rotation(pass, ropes.full, heads.E)];
        return postNormBlock(
          norm,
          (p, x, layer) => {
            const rotate = slides[layer] ? near : far;
            const prepare = (t: Tensor, name: string) => rotate(normAll(norm, p.at(`${name}_norm`), t));
            const attention = { window: windows[layer] };
            return selfAttention(pass, layer, p, x, { heads, bias, prepare, attention });
          },
          (p, x) => gatedMlp(p, x, mlp),
        );
      },
    });
  },
};
