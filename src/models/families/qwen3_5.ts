/**
 * Qwen3.5 with its image encoder, as far as text goes: positions of text are the same in all three of its directions.
 * Reference: transformers, models/qwen3_5/modeling_qwen3_5.py, Qwen3_5ForConditionalGeneration.
 */
import { mediaTokens, seeing } from "../seeing.ts";
import { qwen35Text } from "./qwen3_5_text.ts";

// What a file leaves out is transformers' default.
const DEFAULTS = {
  ...{ vocab_size: 248_320, hidden_size: 4096, intermediate_size: 12_288, num_hidden_layers: 32 },
  ...{ num_attention_heads: 16, max_position_embeddings: 32_768 },
};

export const qwen35 = seeing("qwen3_5", [qwen35Text], DEFAULTS, {
  tied: false,
  beside: ["mtp", "model.visual"],
  media: mediaTokens({ image: 248_056, video: 248_057 }),
});
