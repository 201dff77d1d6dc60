import * as z from "zod";
import { AttuneError } from "../text/errors.ts";
import { excerpt } from "../text/excerpt.ts";
import { parseFields } from "./config.ts";
import { cohere } from "./families/cohere.ts";
import { gemma } from "./families/gemma.ts";
import { gemma2 } from "./families/gemma2.ts";
import { gemma3Text } from "./families/gemma3_text.ts";
import { gptNeox } from "./families/gpt_neox.ts";
import { gpt2 } from "./families/gpt2.ts";
import { granite } from "./families/granite.ts";
import { llama } from "./families/llama.ts";
import { mistral } from "./families/mistral.ts";
import { mixtral } from "./families/mixtral.ts";
import { olmo2 } from "./families/olmo2.ts";
import { phi3 } from "./families/phi3.ts";
import { qwen2 } from "./families/qwen2.ts";
import { qwen3 } from "./families/qwen3.ts";
import { qwen3Moe } from "./families/qwen3_moe.ts";
import { smollm3 } from "./families/smollm3.ts";
import { starcoder2 } from "./families/starcoder2.ts";
import type { Config, Family, Model } from "./family.ts";

const FAMILIES: readonly Family[] = [
  llama,
  mistral,
  qwen2,
  qwen3,
  gemma,
  gemma2,
  gemma3Text,
  phi3,
  gpt2,
  gptNeox,
  olmo2,
  smollm3,
  granite,
  starcoder2,
  cohere,
  mixtral,
  qwen3Moe,
];

/** The model that config.json describes. @throws AttuneError that names the keys attune doesn't compute. */
export function readModel(config: Config): Model {
  const family = familyOf(config.model_type);
  parseFields("", commonFields, config);
  return family.read(withoutAliases(config, family));
}

/** @throws AttuneError when attune knows no such family. */
export function familyOf(modelType: unknown): Family {
  const family = FAMILIES.find((one) => one.modelType === modelType);
  if (family) return family;
  throw new AttuneError({
    code: "models.unknown-type",
    place: "config.json: model_type",
    expected: FAMILIES.map((one) => one.modelType).join(", "),
    got: excerpt(modelType),
  });
}

/** `config` by the family's own keys. */
export function withoutAliases(config: Config, { aliases = {} }: Family): Config {
  const entries = Object.entries(aliases).filter(([alias]) => config[alias] !== undefined);
  return { ...config, ...Object.fromEntries(entries.map(([alias, key]) => [key, config[alias]])) };
}

/** Keys of no family, or of any, that change what transformers computes. */
const commonFields = z.looseObject({
  is_causal: z
    .unknown()
    .refine(Boolean, { error: "attune's attention is causal: a token sees itself and what is before it" })
    .optional(),
  per_layer_config: z
    .unknown()
    .refine((value) => Object.keys(value ?? {}).length === 0, {
      error: "attune computes layers of one shape only",
    })
    .optional(),
});
