import { familyOf } from "../../../models/families.ts";
import type { Config, Model } from "../../../models/family.ts";
import { AttuneError } from "../../../text/errors.ts";
import { apertus } from "./apertus.ts";
import { deepseekV2, deepseekV3 } from "./deepseek.ts";
import { qwen3Next, qwen35Text } from "./delta.ts";
import type { Architecture, Description } from "./description.ts";
import { gemma, gemma2, gemma3 } from "./gemma.ts";
import { gemma3n } from "./gemma3n.ts";
import { gemma4, gemma4Unified } from "./gemma4.ts";
import { gpt2, gptNeox } from "./gpt.ts";
import { gptOss } from "./gpt_oss.ts";
import { cohere2, falcon, nemotron, olmo, phi, stablelm } from "./layer_normed.ts";
import { lfm2 } from "./lfm2.ts";
import { granite, graniteHybrid, llama, ministral3, mistral, mixtral, smollm3 } from "./llama.ts";
import {
  ernieMoeArchitecture,
  glm4MoeArchitecture,
  graniteMoeArchitecture,
  olmoe,
  qwen2Moe,
} from "./mixtures.ts";
import { arcee, ernie45, exaone4, glm, glm4, hunyuanDense, olmo3, seedOss } from "./newer.ts";
import { cohere, olmo2, phi3, starcoder2 } from "./others.ts";
import { qwen2, qwen3, qwen3Moe } from "./qwen.ts";

/** A model that also sees images, as far as its text goes. */
const textOf = (modelType: string, texts: readonly Architecture[]): Architecture => ({
  modelType,
  describe(config, model) {
    const text = familyOf(modelType).textPart!.config(config);
    const architecture = texts.find((one) => one.modelType === text.model_type);
    if (!architecture) throw unknown("text_config.model_type", String(text.model_type));
    const description = architecture.describe(text, model);
    const faults = description.faults.map((fault) => ({ ...fault, place: `text_config.${fault.place}` }));
    return { ...description, faults };
  },
});

export const ARCHITECTURES: readonly Architecture[] = [
  ...[llama, mistral, mixtral, smollm3, granite, qwen2, qwen3, qwen3Moe, gemma, gemma2, gemma3],
  ...[gpt2, gptNeox, phi3, olmo2, starcoder2, cohere],
  ...[arcee, seedOss, ernie45, hunyuanDense, glm, glm4, olmo3, exaone4],
  ...[lfm2, olmoe, qwen2Moe, glm4MoeArchitecture, ernieMoeArchitecture, graniteMoeArchitecture],
  ...[deepseekV2, deepseekV3, gptOss],
  ...[qwen3Next, qwen35Text],
  ...[olmo, nemotron, cohere2, stablelm, phi, falcon],
  ...[gemma3n, gemma4, gemma4Unified, graniteHybrid, ministral3, apertus],
  textOf("gemma3", [gemma3]),
  textOf("gemma3n", [gemma3n]),
  textOf("gemma4", [gemma4]),
  textOf("gemma4_unified", [gemma4Unified]),
  textOf("mistral3", [mistral, ministral3]),
  textOf("qwen3_5", [qwen35Text]),
];

/** Why there are no rules for a family. */
const REASONS: Readonly<Record<string, string>> = {
  cwm: "llama.cpp computes llama without windows",
  helium: "llama.cpp has no architecture for it",
  ministral: "llama.cpp computes llama without windows",
  vaultgemma: "llama.cpp has no architecture for it",
};

function unknown(place: string, modelType: string): AttuneError {
  return new AttuneError({
    code: "export.unknown-architecture",
    place,
    problem: `attune has no rules for this family in llama.cpp${modelType in REASONS ? `: ${REASONS[modelType]}` : ""}`,
    expected: `one of ${ARCHITECTURES.map((one) => one.modelType).join(", ")}`,
    got: modelType,
  });
}

/** @throws AttuneError that names the architecture, or the keys of config.json, that llama.cpp doesn't compute. */
export function describeForLlama(config: Config, model: Model, path: string): Description {
  const architecture = ARCHITECTURES.find(({ modelType }) => modelType === model.modelType);
  if (!architecture) throw unknown(`${path}: model_type`, model.modelType);
  const description = architecture.describe(config, model);
  if (description.faults.length > 0)
    throw new AttuneError({
      code: "export.not-in-llama",
      place: `${path}: config.json`,
      problem: "llama.cpp computes this model otherwise than it was trained, or not at all",
      faults: description.faults.map((fault) => ({ ...fault, code: "export.not-in-llama" })),
    });
  return description;
}
