import { AttuneError } from "../errors.ts";
import { cohere } from "./cohere.ts";
import type { Family, Model } from "./family.ts";
import { gemma } from "./gemma.ts";
import { gemma2 } from "./gemma2.ts";
import { gemma3Text } from "./gemma3_text.ts";
import { gptNeox } from "./gpt_neox.ts";
import { gpt2 } from "./gpt2.ts";
import { granite } from "./granite.ts";
import { llama } from "./llama.ts";
import { mistral } from "./mistral.ts";
import { mixtral } from "./mixtral.ts";
import { olmo2 } from "./olmo2.ts";
import { phi3 } from "./phi3.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen3 } from "./qwen3.ts";
import { qwen3Moe } from "./qwen3_moe.ts";
import { smollm3 } from "./smollm3.ts";
import { starcoder2 } from "./starcoder2.ts";

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
