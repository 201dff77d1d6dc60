import { adaptedScope, adaptModel } from "../adapters/adapt_model.ts";
import { type Adapter, isLora, isVera } from "../adapters/adapter.ts";
import { adapterParts, fixed } from "../adapters/graph_parts.ts";
import { scaleOf } from "../adapters/lora/lora_config.ts";
import {
  isIa3Weights,
  isLoraWeights,
  type ModuleWeights,
  moduleTensors,
} from "../adapters/module_tensors.ts";
import { withStored } from "../adapters/stored_weights.ts";
import type { TensorEntry } from "../files/safetensors.ts";
import type { Model } from "../models/family.ts";
import { frozenParameters } from "../models/frozen.ts";
import { createScope, type Scope } from "../models/scope.ts";
import type { TensorData } from "../runtime/session.ts";

let unlike = 0;

/**
 * Adapters of one signature, the same modules at the same ranks and of the same kind, run on one compiled graph. One that
 * has parameters of its own, which may be as large as an embedding, or VeRA's random matrices, runs on a graph that
 * carries them.
 */
export function adapterSignature(adapter: Adapter): string {
  const { modules, parameters, tokens, stored, follows } = adapter;
  if (parameters || tokens || stored || isVera(adapter)) return `own ${unlike++}`;
  const terms = [...modules].map(
    ([module, weights]) => `${module}:${termSignature(adapter, module, weights)}`,
  );
  return `${follows ? "tied " : ""}${terms.sort().join()}`;
}

function termSignature(adapter: Adapter, module: string, weights: ModuleWeights): string {
  if (isIa3Weights(weights)) return weights.feedforward ? "ia3 in" : "ia3 out";
  if (!isLora(adapter) || !isLoraWeights(weights)) return "";
  return `${weights.r}${hasScales(adapter) ? scaleOf(adapter.config, module, weights.r) : ""}`;
}

/** How a model is computed with an adapter of this signature. */
export interface AdaptedModel {
  model: Model;
  scope: Scope;
}

/** Whether the graph must know the scales: DoRA's norms need them, and weights that a part was taken out of. */
const hasScales = (adapter: Adapter): boolean =>
  isLora(adapter) &&
  (adapter.config.useDora === true || [...adapter.modules.values()].some(({ start }) => start !== undefined));

/** LoRA's terms are fed: A, and B times its scale; B as it is where the graph scales. */
export function runtimeAdapter(
  model: Model,
  tensors: ReadonlyMap<string, TensorEntry>,
  adapter?: Adapter,
): AdaptedModel {
  const frozen = frozenParameters(withStored(tensors, adapter?.stored));
  if (!adapter) return { model, scope: createScope(frozen) };
  const parts = adapterParts(adapter, {
    parameter: fixed,
    ...(!hasScales(adapter) && { scale: () => 1 }),
  });
  return { model: adaptModel(model, parts), scope: adaptedScope(frozen, parts, model.ends.embedding) };
}

/** What a session opened with `runtimeAdapter` is fed for `adapter`. */
export function adapterFeeds(adapter: Adapter): Record<string, TensorData> {
  const feeds: Record<string, TensorData> = {};
  for (const [module, weights] of adapter.modules) {
    const scale =
      isLora(adapter) && isLoraWeights(weights) && !hasScales(adapter)
        ? scaleOf(adapter.config, module, weights.r)
        : 1;
    for (const { part, name, shape, data } of moduleTensors(module, weights))
      feeds[name] = {
        dtype: "float32",
        shape: [...shape],
        data: part === "B" ? data.map((value) => value * scale) : data.slice(), // what is fed is lent
      };
  }
  return feeds;
}
