import * as z from "zod";
import { AttuneError } from "../text/errors.ts";
import { excerpt } from "../text/excerpt.ts";
import { parseFields } from "./config.ts";
import { apertus } from "./families/apertus.ts";
import { arcee } from "./families/arcee.ts";
import { cohere } from "./families/cohere.ts";
import { cohere2 } from "./families/cohere2.ts";
import { cwm } from "./families/cwm.ts";
import { deepseekV2 } from "./families/deepseek_v2.ts";
import { deepseekV3 } from "./families/deepseek_v3.ts";
import { ernie45 } from "./families/ernie4_5.ts";
import { ernie45Moe } from "./families/ernie4_5_moe.ts";
import { exaone4 } from "./families/exaone4.ts";
import { falcon } from "./families/falcon.ts";
import { gemma } from "./families/gemma.ts";
import { gemma2 } from "./families/gemma2.ts";
import { gemma3 } from "./families/gemma3.ts";
import { gemma3Text } from "./families/gemma3_text.ts";
import { gemma3n } from "./families/gemma3n.ts";
import { gemma3nText } from "./families/gemma3n_text.ts";
import { gemma4 } from "./families/gemma4.ts";
import { gemma4Text } from "./families/gemma4_text.ts";
import { gemma4Unified } from "./families/gemma4_unified.ts";
import { gemma4UnifiedText } from "./families/gemma4_unified_text.ts";
import { glm } from "./families/glm.ts";
import { glm4 } from "./families/glm4.ts";
import { glm4Moe } from "./families/glm4_moe.ts";
import { gptNeox } from "./families/gpt_neox.ts";
import { gptOss } from "./families/gpt_oss.ts";
import { gpt2 } from "./families/gpt2.ts";
import { granite } from "./families/granite.ts";
import { granitemoe } from "./families/granitemoe.ts";
import { granitemoehybrid } from "./families/granitemoehybrid.ts";
import { helium } from "./families/helium.ts";
import { hunyuanV1Dense } from "./families/hunyuan_v1_dense.ts";
import { lfm2 } from "./families/lfm2.ts";
import { llama } from "./families/llama.ts";
import { ministral } from "./families/ministral.ts";
import { ministral3 } from "./families/ministral3.ts";
import { mistral } from "./families/mistral.ts";
import { mistral3 } from "./families/mistral3.ts";
import { mixtral } from "./families/mixtral.ts";
import { nemotron } from "./families/nemotron.ts";
import { olmo } from "./families/olmo.ts";
import { olmo2 } from "./families/olmo2.ts";
import { olmo3 } from "./families/olmo3.ts";
import { olmoe } from "./families/olmoe.ts";
import { phi } from "./families/phi.ts";
import { phi3 } from "./families/phi3.ts";
import { qwen2 } from "./families/qwen2.ts";
import { qwen2Moe } from "./families/qwen2_moe.ts";
import { qwen3 } from "./families/qwen3.ts";
import { qwen35 } from "./families/qwen3_5.ts";
import { qwen35Text } from "./families/qwen3_5_text.ts";
import { qwen3Moe } from "./families/qwen3_moe.ts";
import { qwen3Next } from "./families/qwen3_next.ts";
import { seedOss } from "./families/seed_oss.ts";
import { smollm3 } from "./families/smollm3.ts";
import { stablelm } from "./families/stablelm.ts";
import { starcoder2 } from "./families/starcoder2.ts";
import { vaultgemma } from "./families/vaultgemma.ts";
import type { Config, Family, Model } from "./family.ts";

export const FAMILIES: readonly Family[] = [
  llama,
  mistral,
  qwen2,
  qwen3,
  gemma,
  gemma2,
  gemma3Text,
  gemma3,
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
  mistral3,
  ministral,
  ministral3,
  olmo3,
  olmo,
  glm4,
  glm,
  cohere2,
  exaone4,
  phi,
  seedOss,
  ernie45,
  hunyuanV1Dense,
  arcee,
  stablelm,
  falcon,
  helium,
  nemotron,
  cwm,
  vaultgemma,
  granitemoehybrid,
  apertus,
  lfm2,
  qwen35Text,
  qwen35,
  qwen3Next,
  gptOss,
  qwen2Moe,
  olmoe,
  granitemoe,
  glm4Moe,
  ernie45Moe,
  gemma4Text,
  gemma4,
  gemma4UnifiedText,
  gemma4Unified,
  gemma3nText,
  gemma3n,
  deepseekV2,
  deepseekV3,
];

/** The model that config.json describes. @throws AttuneError that names the keys attune doesn't compute. */
export function readModel(config: Config): Model {
  const family = familyOf(config.model_type);
  parseFields("", commonFields(family), config);
  if (family.textPart) parseFields(family.textPart.key, commonFields(family), family.textPart.config(config));
  return family.read(withoutAliases(config, family));
}

/**
 * @param likely names families that the model may be of nevertheless
 * @throws AttuneError when attune knows no such family.
 */
export function familyOf(modelType: unknown, likely: () => readonly string[] = () => []): Family {
  const family = FAMILIES.find((one) => one.modelType === modelType);
  if (family) return family;
  const others = likely().slice(0, MOST_LIKELY);
  throw new AttuneError({
    code: "models.unknown-type",
    place: "config.json: model_type",
    expected: FAMILIES.map((one) => one.modelType).join(", "),
    got: excerpt(modelType),
    wayOut:
      others.length > 0
        ? `Its config.json and tensors are those of a ${others.join(" or ")} model: if it computes as one, write "model_type": "${others[0]}"`
        : undefined,
  });
}

const MOST_LIKELY = 3;

/** The same of the text model, where a model also sees images. */
export function textKeys(config: Config, family: Family): Config {
  return family.textPart ? family.textPart.config(config) : withoutAliases(config, family);
}

/** `config` by the family's own keys. */
export function withoutAliases(config: Config, { aliases = {} }: Family): Config {
  const entries = Object.entries(aliases).filter(([alias]) => config[alias] !== undefined);
  return { ...config, ...Object.fromEntries(entries.map(([alias, key]) => [key, config[alias]])) };
}

/** Keys of no family, or of any, that change what transformers computes. */
const commonFields = ({ layersDiffer = false }: Family) =>
  z.looseObject({
    is_causal: z
      .unknown()
      .refine(Boolean, { error: "attune's attention is causal: a token sees itself and what is before it" })
      .optional(),
    per_layer_config: z
      .unknown()
      .refine((value) => layersDiffer || Object.keys(value ?? {}).length === 0, {
        error: "attune computes layers of one shape only",
      })
      .optional(),
  });
