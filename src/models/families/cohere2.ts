/**
 * Cohere 2 (Command R7B, Command A): Cohere with three layers under a sliding window to one that sees all, which is not
 * rotated. Reference: transformers, models/cohere2/modeling_cohere2.py.
 */
import type { Tensor } from "../../graph/tensor.ts";
import { parallelBlock } from "../blocks.ts";
import { parseFields, size } from "../config.ts";
import { decoder } from "../decoder.ts";
import type { Family } from "../family.ts";
import { layerTypes, layerWindows } from "../layer_types.ts";
import { gatedMlp, headSizes, layerNormsWithoutBias, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotationOfNeighbours } from "../rotary.ts";
import { cohereBase } from "./cohere.ts";

export const cohere2Fields = cohereBase.extend({
  sliding_window: size.nullable().default(4096),
  sliding_window_pattern: size.default(4),
  layer_types: layerTypes,
});

export const cohere2: Family = {
  modelType: "cohere2",
  read(config) {
    const c = parseFields("", cohere2Fields, { ...config, head_dim: undefined });
    const [heads, rope] = [headSizes(c), ropeParameters(c)];
    const norm = layerNormsWithoutBias(c.layer_norm_eps);
    const bias = { qkv: c.attention_bias, o: c.attention_bias };
    const windows = layerWindows(c, (layer) => (layer + 1) % c.sliding_window_pattern !== 0);
    const mlp = { size: c.intermediate_size, activation: c.hidden_act };
    return decoder(c, heads, {
      modelType: "cohere2",
      norm,
      rope,
      logitScale: c.logit_scale,
      blocks(pass) {
        const rotate = rotationOfNeighbours(pass, rope, heads.E);
        const leave = (t: Tensor) => t;
        return parallelBlock(
          norm,
          (p, x, layer) => {
            const window = windows[layer];
            const prepare = window === undefined ? leave : rotate;
            return selfAttention(pass, layer, p, x, { heads, bias, prepare, attention: { window } });
          },
          (p, x) => gatedMlp(p, x, mlp),
        );
      },
    });
  },
};
