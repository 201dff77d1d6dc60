/**
 * Gemma 4 with its encoders of images and sound (E2B, E4B, 26B-A4B, 31B), as far as text goes.
 * Reference: transformers, models/gemma4/modeling_gemma4.py, Gemma4ForConditionalGeneration.
 */
import { mediaTokens, seeing } from "../seeing.ts";
import { gemma4Text } from "./gemma4_text.ts";

const DEFAULTS = {
  ...{ vocab_size: 262_144, hidden_size: 2304, intermediate_size: 9216, num_hidden_layers: 30 },
  ...{ num_attention_heads: 8, max_position_embeddings: 131_072 },
};

export const gemma4 = seeing("gemma4", [gemma4Text], DEFAULTS, {
  beside: ["model.vision_tower", "model.audio_tower", "model.embed_vision", "model.embed_audio"],
  media: mediaTokens({ image: 258_880, video: 258_884, audio: 258_881 }),
});
