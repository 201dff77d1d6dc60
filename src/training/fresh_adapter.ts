import type { Adapter, AdapterConfig, Parameter, TokenRows } from "../adapters/adapter.ts";
import type { AdapterPlan, OnModule, Uniform } from "../adapters/kinds/kind.ts";
import { kindOf } from "../adapters/kinds/kinds.ts";
import { baseLayer, PREFIX } from "../adapters/peft/tensor_names.ts";
import { planAdapter } from "../adapters/plan_adapter.ts";
import { savedParameters } from "../adapters/targets/modules_to_save.ts";
import { type Sites, siteShape } from "../adapters/targets/sites.ts";
import { isAllLinear } from "../adapters/targets/target_modules.ts";
import { END_NAMES } from "../adapters/targets/tied_ends.ts";
import { tokenIndices } from "../adapters/targets/token_rows.ts";
import type { TensorEntry } from "../files/safetensors.ts";
import { moduleOf } from "../files/tensor_names.ts";
import { transposed } from "../math/transposed.ts";
import type { Model } from "../models/family.ts";
import { modelLayout } from "../models/layout.ts";
import { isQuantized } from "../quantization/quantized_entry.ts";
import { readWeight } from "../quantization/read_weight.ts";

type Tensors = ReadonlyMap<string, TensorEntry>;

/** What an adapter is made for. */
export interface AdapterBase {
  /** What the adapter's files call it. */
  name: string;
  model: Model;
  tensors: Tensors;
  /** The weights before `tensors` were quantized from them. */
  unquantized?: Tensors;
}

/**
 * A new adapter of `config` for a base, before its first step.
 * @param onModule progress callback while an adapter is initialized from the base's weights
 * @throws AttuneError that names every setting that contradicts another, matches nothing or asks for too much.
 */
export async function freshAdapter(
  settings: AdapterConfig,
  base: AdapterBase,
  uniform: Uniform,
  onModule?: OnModule,
): Promise<Adapter> {
  const plan = planAdapter(settings, base.model, { keepsUnquantized: base.unquantized !== undefined });
  const { meant, sites, targets, follows } = plan;
  const config = notedTurn(plan, base.model);
  const weights = linearWeights(base, sites);
  const own = await ownParameters(meant, base, sites, targets);
  const indices = tokenIndices(meant, sites);
  return {
    config,
    baseModel: base.name,
    ...own,
    ...(indices.size > 0 && { tokens: await ownRows(indices, sites, base.tensors) }),
    ...storedWeights(plan, base.tensors),
    ...(follows && { follows }),
    ...(await kindOf(plan).start({ ...plan, config }, { base: weights, uniform, onModule })),
  };
}

/** PEFT notes a base that keeps its weights as [in, out]. */
function notedTurn({ config, targets }: AdapterPlan, model: Model): AdapterPlan["config"] {
  const { transposed } = modelLayout(model);
  const isTurned = targets.some((module) => transposed.has(module));
  return isTurned ? { ...config, fanInFanOut: true } : config;
}

/** A parameter's entry in the files: a tied output layer's is the embedding's. */
const entryOf = (name: string, { embedding, head, tied }: Sites, tensors: Tensors): TensorEntry =>
  tensors.get(tied && name === `${head}.weight` ? `${embedding}.weight` : name)!;

/** Readers of a layer's weight as [out, in]. */
function linearWeights({ model, tensors, unquantized }: AdapterBase, sites: Sites) {
  const { transposed: turned } = modelLayout(model);
  const reader =
    (from: Tensors) =>
    async (module: string): Promise<Float32Array> => {
      const entry = entryOf(`${module}.weight`, sites, from);
      const data = await readWeight(entry);
      const isTurned = module === sites.embedding || (turned.has(module) && !isQuantized(entry));
      const { in: inputs, out } = siteShape(sites, module)!;
      return isTurned ? transposed(data, inputs, out) : data;
    };
  return { weightOf: reader(tensors), unquantizedOf: reader(unquantized ?? tensors) };
}

async function ownParameters(
  config: AdapterConfig,
  { model, tensors }: AdapterBase,
  sites: Sites,
  targets: string[],
) {
  const { transposed: turned } = modelLayout(model);
  const parameters = new Map<string, Parameter>();
  for (const name of savedParameters(config, sites, targets))
    parameters.set(name, {
      shape: sites.parameters.get(name)!,
      data: await readWeight(entryOf(name, sites, tensors), turned.has(moduleOf(name))),
    });
  return parameters.size > 0 ? { parameters } : {};
}

async function ownRows(indices: ReadonlyMap<string, number[]>, sites: Sites, tensors: Tensors) {
  const rows = new Map<string, TokenRows>();
  const { hiddenSize: D } = sites;
  for (const [module, own] of indices) {
    const weight = await readWeight(entryOf(`${module}.weight`, sites, tensors));
    const data = new Float32Array(own.length * D);
    for (const [at, index] of own.entries()) data.set(weight.subarray(index * D, (index + 1) * D), at * D);
    rows.set(module, { indices: own, data });
  }
  return rows;
}

/** The weights that PEFT keeps beside the terms of `embed_tokens` and `lm_head` (utils/save_and_load.py). */
function storedWeights({ meant, sites, targets, follows }: AdapterPlan, tensors: Tensors) {
  const { targetModules, trainableTokenIndices } = meant;
  const adapted = [sites.embedding, sites.head].filter(
    (module) => targets.includes(module) || (module === follows?.head && targets.includes(sites.embedding)),
  );
  const isNamed = Array.isArray(targetModules)
    ? targetModules.some((target) => END_NAMES.includes(target))
    : !isAllLinear(targetModules) && adapted.some((module) => END_NAMES.includes(module.split(".").at(-1)!));
  if (!isNamed || trainableTokenIndices !== undefined) return {};
  const entry = (module: string) => entryOf(`${module}.weight`, sites, tensors);
  return {
    stored: new Map(adapted.map((module) => [PREFIX + baseLayer(`${module}.weight`), entry(module)])),
  };
}
