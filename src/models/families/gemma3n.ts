/**
 * Gemma 3n with its encoders of images and sound (E2B, E4B), as far as text goes.
 * Reference: transformers, models/gemma3n/modeling_gemma3n.py, Gemma3nForConditionalGeneration.
 */
import * as z from "zod";
import { parseFields, size } from "../config.ts";
import type { Config } from "../family.ts";
import { seeing } from "../seeing.ts";
import { gemma3nText } from "./gemma3n_text.ts";

const DEFAULTS = {
  ...{ vocab_size: 262_400, hidden_size: 2048, intermediate_size: 16_384, num_hidden_layers: 35 },
  ...{ num_attention_heads: 8, max_position_embeddings: 32_768 },
};

const tower = z.looseObject({ vocab_offset: size.optional(), vocab_size: size.max(2 ** 16).default(128) });

/** An encoder has a vocabulary of its own behind the text's; transformers embeds its tokens by the encoder's embedding. */
function ownTokens(config: Config, key: string, offset: number): number[] {
  const { vocab_offset = offset, vocab_size } = parseFields(key, tower, config[key] ?? {});
  return Array.from({ length: vocab_size }, (_, i) => vocab_offset + i);
}

export const gemma3n = seeing("gemma3n", [gemma3nText], DEFAULTS, {
  beside: ["model.vision_tower", "model.audio_tower", "model.embed_vision", "model.embed_audio"],
  media: (config) => [
    ...ownTokens(config, "vision_config", 262_144),
    ...ownTokens(config, "audio_config", 262_272),
  ],
});
