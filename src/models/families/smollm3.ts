/** SmolLM3: Llama's decoder, every fourth layer without rotation. Reference: transformers, models/smollm3/modeling_smollm3.py. */
import * as z from "zod";
import type { Tensor } from "../../graph/tensor.ts";
import { preNormBlock } from "../blocks.ts";
import { headCount, notComputed, parseFields, size } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Family } from "../family.ts";
import { layerTypes, layerWindows, unusedWindow } from "../layer_types.ts";
import { gatedMlp, headSizes, rmsNorms, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";

export const smollm3Fields = decoderFields.extend({
  num_key_value_heads: headCount.nullable().default(4),
  tie_word_embeddings: z.boolean().default(true),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  use_sliding_window: z.boolean().default(false),
  sliding_window: unusedWindow.optional(),
  no_rope_layers: z.array(z.literal([0, 1])).nullish(),
  no_rope_layer_interval: size.default(4),
  layer_types: layerTypes,
});
type SmolLM3Fields = z.output<typeof smollm3Fields>;

export const smollm3: Family = {
  modelType: "smollm3",
  read(config) {
    const c = parseFields("", smollm3Fields, config);
    const [heads, norm] = [headSizes(c), rmsNorms(c.rms_norm_eps)];
    const [rope, rotated] = [ropeParameters(c, { theta: 2_000_000 }), rotatedLayers(c)];
    const bias = { qkv: c.attention_bias, o: c.attention_bias };
    const windows = layerWindows(c, (layer) => c.use_sliding_window && !rotated[layer]);
    const mlp = { size: c.intermediate_size, activation: c.hidden_act, bias: c.mlp_bias };
    return decoder(c, heads, {
      modelType: "smollm3",
      norm,
      rope,
      blocks(pass) {
        const rotate = rotation(pass, rope, heads.E);
        const leave = (t: Tensor) => t;
        return preNormBlock(
          norm,
          (p, x, layer) =>
            selfAttention(pass, layer, p, x, {
              heads,
              bias,
              prepare: rotated[layer] ? rotate : leave,
              attention: { window: windows[layer] },
            }),
          (p, x) => gatedMlp(p, x, mlp),
        );
      },
    });
  },
};

/** `no_rope_layers` holds a 1, for all its name, where a layer is rotated. */
export function rotatedLayers({
  num_hidden_layers,
  no_rope_layers,
  no_rope_layer_interval,
}: SmolLM3Fields): boolean[] {
  if (no_rope_layers && no_rope_layers.length < num_hidden_layers)
    throw notComputed([
      {
        place: "no_rope_layers",
        expected: `${num_hidden_layers} entries, as num_hidden_layers says`,
        got: String(no_rope_layers.length),
      },
    ]);
  return Array.from({ length: num_hidden_layers }, (_, layer) =>
    no_rope_layers ? no_rope_layers[layer] === 1 : (layer + 1) % no_rope_layer_interval !== 0,
  );
}
