/** Mistral: Llama's decoder with a sliding attention window. Reference: transformers, models/mistral/modeling_mistral.py. */
import { parseFields, size } from "./config.ts";
import type { Family } from "./family.ts";
import { decoder, decoderFields } from "./llama.ts";

const mistralFields = decoderFields.extend({ sliding_window: size.nullish() });

export const mistral: Family = {
  modelType: "mistral",
  read(config) {
    const fields = parseFields("", mistralFields, config);
    // config.json may leave the number of key/value heads out: Mistral's own default is 8, not "as many as heads".
    const withDefaults = { ...fields, num_key_value_heads: fields.num_key_value_heads ?? 8 };
    return decoder(withDefaults, {
      modelType: "mistral",
      bias: { qkv: false, o: false, mlp: false },
      window: () => fields.sliding_window ?? undefined,
    });
  },
};
