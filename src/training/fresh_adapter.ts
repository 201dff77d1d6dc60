import type { Adapter, AdapterConfig, Parameter, TokenRows } from "../adapters/adapter.ts";
import { largest } from "../adapters/fit_adapter.ts";
import { type Ia3Config, type Ia3Weights, isFeedforward } from "../adapters/ia3.ts";
import type { LoraConfig } from "../adapters/lora/lora_config.ts";
import {
  initializeLora,
  type OnModule,
  startFromWeights,
  type Uniform,
} from "../adapters/lora/lora_start.ts";
import { baseLayer, PREFIX } from "../adapters/peft/tensor_names.ts";
import { savedParameters } from "../adapters/targets/modules_to_save.ts";
import { type LayerShape, type Sites, siteShape } from "../adapters/targets/sites.ts";
import { isAllLinear } from "../adapters/targets/target_modules.ts";
import { tokenIndices } from "../adapters/targets/token_rows.ts";
import { drawProjections, type VeraConfig } from "../adapters/vera.ts";
import type { TensorEntry } from "../files/safetensors.ts";
import { moduleOf } from "../files/tensor_names.ts";
import { transposed } from "../math/transposed.ts";
import type { Model } from "../models/family.ts";
import { modelLayout } from "../models/layout.ts";
import { isQuantized } from "../quantization/quantized_entry.ts";
import { readWeight } from "../quantization/read_weight.ts";
import { type AdapterPlan, adaptedShapes, type FreshConfig, planAdapter } from "./plan_adapter.ts";

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
 * @param onModule hears how far the start is, where it depends on the base's weights
 * @throws AttuneError that names every setting that contradicts another, matches nothing or asks for too much.
 */
export async function freshAdapter(
  config: FreshConfig,
  base: AdapterBase,
  uniform: Uniform,
  onModule?: OnModule,
): Promise<Adapter> {
  const plan = planAdapter(config, base.model, { keepsUnquantized: base.unquantized !== undefined });
  switch (plan.config.type) {
    case "lora":
      return freshLora(plan.config, plan, base, uniform, onModule);
    case "ia3":
      return freshIa3(plan.config, plan, base);
    case "vera":
      return freshVera(plan.config, plan, base);
  }
}

async function freshLora(
  config: LoraConfig,
  plan: AdapterPlan,
  base: AdapterBase,
  uniform: Uniform,
  onModule?: OnModule,
): Promise<Adapter> {
  const { sites, targets } = plan;
  const indices = tokenIndices(config, sites);
  const weights = linearWeights(base, sites);
  const own = await common(config, plan, base);
  const modules = initializeLora(adaptedShapes(plan), config, uniform);
  return {
    ...own,
    config: plainStart(own.config),
    modules: await startFromWeights(modules, config, weights, uniform, onModule),
    ...(indices.size > 0 && { tokens: await ownRows(indices, sites, base.tensors) }),
    ...storedWeights(config, sites, targets, base.tensors),
  };
}

async function freshIa3(config: Ia3Config, plan: AdapterPlan, base: AdapterBase): Promise<Adapter> {
  const begin = (module: string, { in: inputs, out }: LayerShape): Ia3Weights => {
    const feedforward = isFeedforward(config, module);
    return { vector: new Float32Array(feedforward ? inputs : out).fill(1), feedforward };
  };
  return {
    ...(await common(config, plan, base)),
    modules: new Map([...adaptedShapes(plan)].map(([module, shape]) => [module, begin(module, shape)])),
  };
}

async function freshVera(config: VeraConfig, plan: AdapterPlan, base: AdapterBase): Promise<Adapter> {
  const shapes = adaptedShapes(plan);
  const { r, dInitial, projectionPrngKey } = config;
  const begin = ({ out }: LayerShape) => ({
    d: new Float32Array(r).fill(dInitial),
    b: new Float32Array(out),
  });
  return {
    ...(await common(config, plan, base)),
    modules: new Map([...shapes].map(([module, shape]) => [module, begin(shape)])),
    projections: drawProjections(projectionPrngKey, { r, ...largest([...shapes.values()]) }),
  };
}

/** What adapters of all kinds begin with. */
async function common<C extends AdapterConfig>(
  config: C,
  { sites, targets }: AdapterPlan,
  base: AdapterBase,
) {
  const { transposed } = modelLayout(base.model);
  const isTurned = targets.some((module) => transposed.has(module));
  return {
    config: isTurned ? { ...config, fanInFanOut: true } : config,
    baseModel: base.name,
    ...(await ownParameters(config, base, sites, targets)),
  };
}

/** LoftQ begins from weights that the finished adapter is no longer told of. */
function plainStart<C extends LoraConfig>({ initLoraWeights, ...config }: C): LoraConfig {
  return initLoraWeights === undefined || initLoraWeights === "loftq"
    ? config
    : { ...config, initLoraWeights };
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
function storedWeights(config: LoraConfig, sites: Sites, targets: string[], tensors: Tensors) {
  const { targetModules = [], trainableTokenIndices } = config;
  const names = ["embed_tokens", "lm_head"];
  const ends = [sites.embedding, sites.head];
  const isNamed = Array.isArray(targetModules)
    ? targetModules.some((target) => names.includes(target))
    : !isAllLinear(targetModules) &&
      ends.some((module) => targets.includes(module) && names.includes(module.split(".").at(-1)!));
  if (!isNamed || trainableTokenIndices !== undefined) return {};
  const wrapped = ends.filter((module) => targets.includes(module)).map((module) => `${module}.weight`);
  return {
    stored: new Map(wrapped.map((name) => [PREFIX + baseLayer(name), entryOf(name, sites, tensors)])),
  };
}
