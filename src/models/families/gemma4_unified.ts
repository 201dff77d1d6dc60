/**
 * Gemma 4 that projects images and sound without encoders (12B), as far as text goes.
 * Reference: transformers, models/gemma4_unified/modeling_gemma4_unified.py.
 */
import { mediaTokens, seeing } from "../seeing.ts";
import { gemma4UnifiedText } from "./gemma4_unified_text.ts";

const DEFAULTS = {
  ...{ vocab_size: 262_144, hidden_size: 2304, intermediate_size: 9216, num_hidden_layers: 30 },
  ...{ num_attention_heads: 8, max_position_embeddings: 262_144 },
};

export const gemma4Unified = seeing("gemma4_unified", [gemma4UnifiedText], DEFAULTS, {
  beside: ["model.vision_embedder", "model.embed_vision", "model.embed_audio"],
  media: mediaTokens({ image: 258_880, video: 258_884, audio: 258_881 }),
});
