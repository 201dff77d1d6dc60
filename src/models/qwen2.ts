/** Qwen2: Llama's decoder with biases on q, k and v. Reference: transformers, models/qwen2/modeling_qwen2.py. */
import * as z from "zod";
import { parseFields, size } from "./config.ts";
import type { Family } from "./family.ts";
import { decoder, decoderFields } from "./llama.ts";

const qwen2Fields = decoderFields.extend({
  use_sliding_window: z.boolean().default(false),
  sliding_window: size.nullish(),
  max_window_layers: z.int().nonnegative().default(28),
  layer_types: z.array(z.enum(["full_attention", "sliding_attention"])).nullish(),
});
type Qwen2Fields = z.output<typeof qwen2Fields>;

export const qwen2: Family = {
  modelType: "qwen2",
  read(config) {
    const fields = parseFields("", qwen2Fields, config);
    return decoder(fields, {
      modelType: "qwen2",
      bias: { qkv: true, o: false, mlp: false },
      window: (layer) => (slides(fields, layer) ? (fields.sliding_window ?? undefined) : undefined),
    });
  },
};

/** transformers 5 lists each layer's type; 4 slid from layer `max_window_layers` on. */
function slides(c: Qwen2Fields, layer: number): boolean {
  if (!c.use_sliding_window) return false;
  return c.layer_types ? c.layer_types[layer] === "sliding_attention" : layer >= c.max_window_layers;
}
