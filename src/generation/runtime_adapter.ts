import { adaptModel, adaptParameters } from "../adapters/adapt_model.ts";
import { adapterParts, fixed } from "../adapters/graph_parts.ts";
import { loraHook, loraNames } from "../adapters/lora.ts";
import { scaleOf } from "../adapters/lora_config.ts";
import type { Adapter } from "../adapters/peft.ts";
import type { TensorEntry } from "../checkpoints/safetensors.ts";
import type { Model } from "../models/family.ts";
import { frozenParameters } from "../models/frozen.ts";
import { createScope, type Scope } from "../models/scope.ts";
import type { TensorData } from "../runtime/session.ts";

let unlike = 0;

/**
 * Adapters of one signature, the same modules at the same ranks and of the same kind, run on one compiled graph. One that
 * has parameters of its own, which may be as large as an embedding, runs on a graph that carries them.
 */
export function adapterSignature(adapter: Adapter): string {
  const { config, modules, parameters, tokens, stored } = adapter;
  if (parameters || tokens || stored) return `own ${unlike++}`;
  const graphScales = hasScales(adapter);
  const terms = [...modules].map(
    ([module, { r }]) => `${module}:${r}${graphScales ? scaleOf(config, module, r) : ""}`,
  );
  return terms.sort().join();
}

/** How a model is computed with an adapter of this signature. */
export interface AdaptedModel {
  model: Model;
  scope: Scope;
}

/** Whether the graph must know the scales: DoRA's norms need them, and weights that a part was taken out of. */
const hasScales = ({ config, modules }: Adapter): boolean =>
  config.useDora === true || [...modules.values()].some(({ start }) => start !== undefined);

/** Terms are fed: A, and B times its scale; B as it is where the graph scales. */
export function runtimeAdapter(
  model: Model,
  tensors: ReadonlyMap<string, TensorEntry>,
  adapter?: Adapter,
): AdaptedModel {
  const frozen = frozenParameters(new Map([...tensors, ...(adapter?.stored ?? [])]));
  if (!adapter) return { model, scope: createScope(frozen) };
  const parts = adapterParts(adapter, {
    parameter: fixed,
    ...(!hasScales(adapter) && { scale: () => 1 }),
  });
  const scope = createScope(adaptParameters(frozen, parts, model.ends.embedding), loraHook(parts.term));
  return { model: adaptModel(model, parts), scope };
}

/** What a session opened with `runtimeAdapter` is fed for `adapter`. */
export function adapterFeeds(adapter: Adapter): Record<string, TensorData> {
  const { config, modules } = adapter;
  const graphScales = hasScales(adapter);
  const feeds: Record<string, TensorData> = {};
  for (const [module, { A, B, r, in: inputs, out, magnitude, embedding }] of modules) {
    const names = loraNames(module, embedding);
    const scale = graphScales ? 1 : scaleOf(config, module, r);
    feeds[names.A] = { dtype: "float32", shape: [r, inputs], data: A.slice() };
    feeds[names.B] = { dtype: "float32", shape: [out, r], data: B.map((value) => value * scale) };
    if (magnitude) feeds[names.magnitude] = { dtype: "float32", shape: [out], data: magnitude.slice() };
  }
  return feeds;
}
