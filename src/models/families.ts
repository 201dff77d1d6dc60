import { AttuneError } from "../text/errors.ts";
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
import type { Family, Model } from "./family.ts";

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

/** The model that config.json describes. */
export function readModel(config: Readonly<Record<string, unknown>>): Model {
  const family = FAMILIES.find(({ modelType }) => modelType === config.model_type);
  if (family) return family.read(config);
  const known = FAMILIES.map(({ modelType }) => modelType).join(", ");
  throw new AttuneError(
    `config.json: model_type is ${JSON.stringify(config.model_type)}; attune computes ${known}`,
  );
}
