/**
 * Gemma 3n with its encoders of images and sound (E2B, E4B), as far as text goes.
 * Reference: transformers, models/gemma3n/modeling_gemma3n.py, Gemma3nForConditionalGeneration.
 */
import { seeing } from "../seeing.ts";
import { gemma3nText } from "./gemma3n_text.ts";

const DEFAULTS = {
  ...{ vocab_size: 262_400, hidden_size: 2048, intermediate_size: 16_384, num_hidden_layers: 35 },
  ...{ num_attention_heads: 8, max_position_embeddings: 32_768 },
};

export const gemma3n = seeing("gemma3n", [gemma3nText], DEFAULTS, {
  beside: ["model.vision_tower", "model.audio_tower", "model.embed_vision", "model.embed_audio"],
});
