/** Qwen2: Llama's decoder with biases on q, k and v. Reference: transformers, models/qwen2/modeling_qwen2.py. */
import * as z from "zod";
import type { Tensor } from "../../graph/tensor.ts";
import { type BlockPart, preNormBlock } from "../blocks.ts";
import { headCount, parseFields } from "../config.ts";
import { type DecoderFields, decoder, decoderFields } from "../decoder.ts";
import type { Family, Model, Pass } from "../family.ts";
import { layerTypes, slidingLayers, unusedWindow, usedWindow } from "../layer_types.ts";
import { gatedMlp, headSizes, rmsNorms, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";

/** How Qwen says which layers slide: only if use_sliding_window says so, and in transformers 4 from `max_window_layers` on. */
export const qwenWindowFields = {
  use_sliding_window: z.boolean().default(false),
  sliding_window: unusedWindow.default(4096),
  max_window_layers: z.int().nonnegative().default(28),
  layer_types: layerTypes,
};
type QwenWindows = z.output<z.ZodObject<typeof qwenWindowFields>> & { num_hidden_layers: number };

export const qwen2Fields = decoderFields.extend({
  ...qwenWindowFields,
  num_key_value_heads: headCount.nullable().default(32),
});

export function qwenWindows(c: QwenWindows): (number | undefined)[] {
  const sliding = slidingLayers(c, (layer) => layer >= c.max_window_layers);
  return sliding.map((slides) => (slides && c.use_sliding_window ? usedWindow(c) : undefined));
}

export interface QwenParts {
  modelType: string;
  bias: { qkv: boolean; o: boolean };
  /** By layer. */
  windows: readonly (number | undefined)[];
  /** Each query and key head is normed, too. */
  headNorms?: boolean;
  mlp: (pass: Pass) => BlockPart;
}

/** What Qwen 2 and 3 and their mixtures have in common: all but the MLP. */
export function qwenDecoder(
  c: DecoderFields,
  { modelType, bias, windows, headNorms, mlp }: QwenParts,
): Model {
  const [heads, rope, norm] = [headSizes(c), ropeParameters(c), rmsNorms(c.rms_norm_eps)];
  return decoder(c, heads, {
    modelType,
    norm,
    rope,
    blocks(pass) {
      const rotate = rotation(pass, rope, heads.E);
      const attention: BlockPart = (p, x, layer) => {
        const prepare = (t: Tensor, name: string) => rotate(headNorms ? norm(p.at(`${name}_norm`), t) : t);
        return selfAttention(pass, layer, p, x, {
          heads,
          bias,
          prepare,
          attention: { window: windows[layer] },
        });
      };
      return preNormBlock(norm, attention, mlp(pass));
    },
  });
}

export const qwen2: Family = {
  modelType: "qwen2",
  read(config) {
    const c = parseFields("", qwen2Fields, config);
    const mlp = { size: c.intermediate_size, activation: c.hidden_act };
    return qwenDecoder(c, {
      modelType: "qwen2",
      bias: { qkv: true, o: false },
      windows: qwenWindows(c),
      mlp: () => (p, x) => gatedMlp(p, x, mlp),
    });
  },
};
