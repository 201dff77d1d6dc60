/** The text model of Gemma 4's 12B: without inputs for each layer and experts. Reference: transformers, models/gemma4_unified. */
import { gemma4TextOf } from "./gemma4_text.ts";

export const UNIFIED_DEFAULTS = { sliding_window: 1024, hidden_size_per_layer_input: 0 };

export const gemma4UnifiedText = gemma4TextOf("gemma4_unified_text", UNIFIED_DEFAULTS);
