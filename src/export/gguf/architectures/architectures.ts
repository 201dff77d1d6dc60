import type { Config, Model } from "../../../models/family.ts";
import { AttuneError } from "../../../text/errors.ts";
import type { Architecture, Description } from "./description.ts";
import { gemma, gemma2, gemma3 } from "./gemma.ts";
import { gpt2, gptNeox } from "./gpt.ts";
import { granite, llama, mistral, mixtral, smollm3 } from "./llama.ts";
import { cohere, olmo2, phi3, starcoder2 } from "./others.ts";
import { qwen2, qwen3, qwen3Moe } from "./qwen.ts";

const ARCHITECTURES: readonly Architecture[] = [
  ...[llama, mistral, mixtral, smollm3, granite, qwen2, qwen3, qwen3Moe, gemma, gemma2, gemma3],
  ...[gpt2, gptNeox, phi3, olmo2, starcoder2, cohere],
];

/** @throws AttuneError that names the architecture, or the keys of config.json, that llama.cpp doesn't compute. */
export function describeForLlama(config: Config, model: Model, path: string): Description {
  const architecture = ARCHITECTURES.find(({ modelType }) => modelType === model.modelType);
  if (!architecture)
    throw new AttuneError({
      code: "export.unknown-architecture",
      place: `${path}: model_type`,
      problem: "attune has no rules for this family in llama.cpp",
      expected: `one of ${ARCHITECTURES.map(({ modelType }) => modelType).join(", ")}`,
      got: model.modelType,
    });
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
