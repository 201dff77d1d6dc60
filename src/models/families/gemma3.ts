/**
 * Gemma 3 with its image encoder (4B and larger), as far as text goes.
 * Reference: transformers, models/gemma3/modeling_gemma3.py, Gemma3ForConditionalGeneration.
 */
import { mediaTokens, seeing } from "../seeing.ts";
import { gemma3Text } from "./gemma3_text.ts";

// Its first files leave out what is transformers' default.
const DEFAULTS = {
  ...{ vocab_size: 262_208, hidden_size: 2304, intermediate_size: 9216, num_hidden_layers: 26 },
  ...{ num_attention_heads: 8, num_key_value_heads: 4, head_dim: 256, max_position_embeddings: 131_072 },
};

export const gemma3 = seeing("gemma3", [gemma3Text], DEFAULTS, { media: mediaTokens({ image: 262_144 }) });
