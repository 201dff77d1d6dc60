import { AttuneError } from "../errors.ts";
import type { Family, Model } from "./family.ts";
import { llama } from "./llama.ts";
import { mistral } from "./mistral.ts";
import { qwen2 } from "./qwen2.ts";

const FAMILIES: readonly Family[] = [llama, mistral, qwen2];

/** The model that config.json describes. */
export function readModel(config: Readonly<Record<string, unknown>>): Model {
  const family = FAMILIES.find(({ modelType }) => modelType === config.model_type);
  if (family) return family.read(config);
  const known = FAMILIES.map(({ modelType }) => modelType).join(", ");
  throw new AttuneError(
    `config.json: model_type is ${JSON.stringify(config.model_type)}; attune computes ${known}`,
  );
}
