/**
 * Mistral 3 (Mistral Small 3.1 and 3.2, Ministral 3) with its image encoder, as far as text goes.
 * Reference: transformers, models/mistral3/modeling_mistral3.py.
 */
import { mediaTokens, seeing } from "../seeing.ts";
import { ministral3 } from "./ministral3.ts";
import { mistral } from "./mistral.ts";

export const mistral3 = seeing("mistral3", [mistral, ministral3], {}, { media: mediaTokens({ image: 10 }) });
