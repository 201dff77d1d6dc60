/**
 * EXAONE 4: OLMo 2's blocks with each query and key head normed, three layers under a sliding window to one that sees all and
 * is not rotated; or no window, and every layer rotated. Reference: transformers, models/exaone4/modeling_exaone4.py.
 */
import * as z from "zod";
import type { Tensor } from "../../graph/tensor.ts";
import { postNormBlock } from "../blocks.ts";
import { headCount, notComputed, parseFields, size } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Family } from "../family.ts";
import { layerTypes, layerWindows, slidingLayers } from "../layer_types.ts";
import { gatedMlp, headSizes, rmsNorms, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";

export const exaone4Fields = decoderFields.extend({
  num_key_value_heads: headCount.default(32),
  rms_norm_eps: z.number().nonnegative().default(1e-5),
  sliding_window: size.nullable().default(4096),
  sliding_window_pattern: z.union([z.string(), z.int()]).nullable().default(4),
  layer_types: layerTypes,
});
type Exaone4Fields = z.output<typeof exaone4Fields>;

export const exaone4: Family = {
  modelType: "exaone4",
  read(config) {
    const c = parseFields("", exaone4Fields, config);
    const [heads, rope, norm] = [headSizes(c), ropeParameters(c), rmsNorms(c.rms_norm_eps)];
    const [slides, windows] = [slidingLayers(c, byPattern(c)), layerWindows(c, byPattern(c))];
    const mlp = { size: c.intermediate_size, activation: c.hidden_act };
    return decoder(c, heads, {
      modelType: "exaone4",
      norm,
      rope,
      blocks(pass) {
        const rotate = rotation(pass, rope, heads.E);
        return postNormBlock(
          norm,
          (p, x, layer) => {
            const isRotated = c.sliding_window === null || slides[layer];
            const prepare = (t: Tensor, name: string) => {
              const normed = norm(p.at(`${name}_norm`), t);
              return isRotated ? rotate(normed) : normed;
            };
            const attention = { window: windows[layer] };
            return selfAttention(pass, layer, p, x, { heads, prepare, attention });
          },
          (p, x) => gatedMlp(p, x, mlp),
        );
      },
    });
  },
};

/** A pattern of letters, as in the first files, adds nothing to `layer_types`. */
function byPattern({ sliding_window_pattern: pattern, sliding_window }: Exaone4Fields) {
  return (layer: number) => {
    if (typeof pattern === "number" && pattern > 0 && sliding_window !== null)
      return (layer + 1) % pattern !== 0;
    throw notComputed([{ place: "layer_types", problem: "is missing, and tells which layers see all" }]);
  };
}
