/** Mistral: Llama's decoder with a sliding attention window. Reference: transformers, models/mistral/modeling_mistral.py. */
import { parseFields, size } from "./config.ts";
import type { Family } from "./family.ts";
import { decoder, decoderFields } from "./llama.ts";

// What config.json may leave out has Mistral's own defaults; a window of null is none.
const mistralFields = decoderFields.extend({
  num_key_value_heads: size.nullable().default(8),
  sliding_window: size.nullable().default(4096),
});

export const mistral: Family = {
  modelType: "mistral",
  read(config) {
    const fields = parseFields("", mistralFields, config);
    return decoder(fields, {
      modelType: "mistral",
      bias: { qkv: false, o: false, mlp: false },
      window: () => fields.sliding_window ?? undefined,
    });
  },
};
