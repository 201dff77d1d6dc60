import { adaptedScope, adaptModel } from "../adapters/adapt_model.ts";
import type { Adapter } from "../adapters/adapter.ts";
import { adapterParts } from "../adapters/graph_parts.ts";
import { fixed } from "../adapters/kinds/graph_terms.ts";
import { kindOf } from "../adapters/kinds/kinds.ts";
import { withStored } from "../adapters/stored_weights.ts";
import type { TensorEntry } from "../files/safetensors.ts";
import type { Model } from "../models/family.ts";
import { frozenParameters } from "../models/frozen.ts";
import { createScope, type Scope } from "../models/scope.ts";
import type { TensorData } from "../runtime/session.ts";
import { floats } from "../runtime/tensor_data.ts";

let unlike = 0;

/**
 * Adapters of one signature, the same modules at the same ranks and of the same kind, run on one compiled graph. One that
 * has parameters of its own, which may be as large as an embedding, or VeRA's random matrices, runs on a graph that
 * carries them.
 */
export function adapterSignature(adapter: Adapter): string {
  const { parameters, tokens, stored } = adapter;
  const signature = parameters || tokens || stored ? undefined : kindOf(adapter).signature(adapter);
  return signature ?? `own ${unlike++}`;
}

/** How a model is computed with an adapter of this signature. */
export interface AdaptedModel {
  model: Model;
  scope: Scope;
}

/** Terms are fed with their scales, where the graph need not know these. */
export function runtimeAdapter(
  model: Model,
  tensors: ReadonlyMap<string, TensorEntry>,
  adapter?: Adapter,
): AdaptedModel {
  const frozen = frozenParameters(withStored(tensors, adapter?.stored));
  if (!adapter) return { model, scope: createScope(frozen) };
  const isScaleFed = kindOf(adapter).fedScale?.(adapter) !== undefined;
  const parts = adapterParts(adapter, { parameter: fixed, ...(isScaleFed && { scale: () => 1 }) });
  return { model: adaptModel(model, parts), scope: adaptedScope(frozen, parts, model.ends.embedding) };
}

/** What a session opened with `runtimeAdapter` is fed for `adapter`. */
export function adapterFeeds(adapter: Adapter): Record<string, TensorData> {
  const { tensors, fedScale } = kindOf(adapter);
  const scaleOf = fedScale?.(adapter);
  const feeds: Record<string, TensorData> = {};
  for (const [module, weights] of adapter.modules)
    for (const { name, shape, data, scaled } of tensors.of(module, weights)) {
      const scale = scaled && scaleOf ? scaleOf(module) : 1;
      const own = scale === 1 ? data.slice() : data.map((value) => value * scale); // what is fed is lent
      feeds[name] = floats(own, shape);
    }
  return feeds;
}
