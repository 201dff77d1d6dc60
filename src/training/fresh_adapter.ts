import type { Adapter, AdapterConfig, Parameter, TokenRows } from "../adapters/adapter.ts";
import { checkRanks } from "../adapters/check_ranks.ts";
import { largest } from "../adapters/fit_adapter.ts";
import {
  checkFeedforward,
  checkIa3Config,
  type Ia3Config,
  type Ia3Weights,
  isFeedforward,
} from "../adapters/ia3.ts";
import { initializeLora, startFromWeights, type Uniform } from "../adapters/initialize.ts";
import { checkLoraConfig, checkPatterns, type LoraConfig } from "../adapters/lora_config.ts";
import { checkModulesToSave, savedParameters } from "../adapters/modules_to_save.ts";
import { adapterSites, type LayerShape, type Sites, siteShape } from "../adapters/sites.ts";
import { isAllLinear, matchAdapter } from "../adapters/target_modules.ts";
import { tokenIndices } from "../adapters/token_rows.ts";
import { checkVeraConfig, drawProjections, type VeraConfig } from "../adapters/vera.ts";
import { readWeight } from "../checkpoints/read_weight.ts";
import type { TensorEntry } from "../checkpoints/safetensors.ts";
import { AttuneError } from "../errors.ts";
import type { Model } from "../models/family.ts";
import { modelLayout } from "../models/layout.ts";

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

/** The settings of a new adapter. (IA)³'s feedforward modules are `down_proj`, where it is targeted, when left out. */
export type FreshConfig =
  | LoraConfig
  | VeraConfig
  | (Omit<Ia3Config, "feedforwardModules"> & Partial<Ia3Config>);

/**
 * A new adapter of `config` for a base, before its first step.
 * @throws AttuneError that names every setting that contradicts another, matches nothing or asks for too much.
 */
export async function freshAdapter(
  config: FreshConfig,
  base: AdapterBase,
  uniform: Uniform,
): Promise<Adapter> {
  if (config.type === "lora") return freshLora(config, base, uniform);
  return config.type === "ia3" ? freshIa3(config, base) : freshVera(config, base);
}

async function freshLora(config: LoraConfig, base: AdapterBase, uniform: Uniform): Promise<Adapter> {
  checkLoraConfig(config, "adapter");
  const { sites, targets } = matchSites(config, base);
  checkPatterns(config, targets);
  checkTokens(config, sites, targets);
  const shapes = new Map(targets.map((module) => [module, shapeOf(sites, module)]));
  checkRanks(config, shapes);
  checkLoftq(config, base);
  const indices = tokenIndices(config, sites);
  const weights = linearWeights(base, sites);
  const own = await common(config, base, sites, targets);
  return {
    ...own,
    config: plainStart(own.config),
    modules: await startFromWeights(initializeLora(shapes, config, uniform), config, weights, uniform),
    ...(indices.size > 0 && { tokens: await ownRows(indices, sites, base.tensors) }),
    ...storedWeights(config, sites, targets, base.tensors),
  };
}

async function freshIa3(config: Extract<FreshConfig, { type: "ia3" }>, base: AdapterBase): Promise<Adapter> {
  const { sites, targets } = matchSites(config, base);
  const { feedforwardModules = usualFeedforward(targets) } = config;
  const whole: Ia3Config = { ...config, feedforwardModules };
  checkIa3Config(whole, "adapter");
  checkFeedforward(whole, targets);
  const one = (module: string): Ia3Weights => {
    const feedforward = isFeedforward(whole, module);
    const { in: inputs, out } = sites.linears.get(module)!;
    return { vector: new Float32Array(feedforward ? inputs : out).fill(1), feedforward };
  };
  return {
    ...(await common(whole, base, sites, targets)),
    modules: new Map(targets.map((module) => [module, one(module)])),
  };
}

/** The paper scales keys, values and what the MLP's last layer takes; PEFT names them so for most families. */
const usualFeedforward = (targets: readonly string[]): string[] =>
  targets.some((module) => module.endsWith(".down_proj")) ? ["down_proj"] : [];

async function freshVera(config: VeraConfig, base: AdapterBase): Promise<Adapter> {
  checkVeraConfig(config, "adapter");
  const { sites, targets } = matchSites(config, base);
  const shapes = new Map(targets.map((module) => [module, sites.linears.get(module)!]));
  const { r, dInitial, projectionPrngKey } = config;
  const begin = ({ out }: LayerShape) => ({
    d: new Float32Array(r).fill(dInitial),
    b: new Float32Array(out),
  });
  return {
    ...(await common(config, base, sites, targets)),
    modules: new Map([...shapes].map(([module, shape]) => [module, begin(shape)])),
    projections: drawProjections(projectionPrngKey, { r, ...largest([...shapes.values()]) }),
  };
}

/** The modules that `config` means. */
function matchSites(config: FreshConfig, { model }: AdapterBase) {
  const sites = adapterSites(model);
  const ends = config.type === "lora" ? [sites.embedding, sites.head] : [];
  const targets = matchAdapter([...sites.linears.keys()], ends, config);
  checkModulesToSave(config, sites, targets);
  return { sites, targets };
}

/** What adapters of all kinds begin with. */
async function common<C extends AdapterConfig>(
  config: C,
  base: AdapterBase,
  sites: Sites,
  targets: string[],
) {
  const { transposed } = modelLayout(base.model);
  const isTurned = targets.some((module) => transposed.has(module));
  return {
    config: isTurned ? { ...config, fanInFanOut: true } : config,
    baseModel: base.name,
    ...(await ownParameters(config, sites, targets, base.tensors)),
  };
}

/** LoftQ begins from weights that the finished adapter is no longer told of. */
function plainStart<C extends LoraConfig>({ initLoraWeights, ...config }: C): LoraConfig {
  return initLoraWeights === undefined || initLoraWeights === "loftq"
    ? config
    : { ...config, initLoraWeights };
}

function checkLoftq({ initLoraWeights }: LoraConfig, { unquantized }: AdapterBase): void {
  if (initLoraWeights !== "loftq" || unquantized) return;
  throw new AttuneError(
    "adapter: initLoraWeights loftq begins from what quantization loses: it needs the weights as they were, so give `quantization` and a model that isn't quantized yet.",
  );
}

function checkTokens(config: LoraConfig, sites: Sites, targets: string[]): void {
  for (const module of tokenIndices(config, sites).keys()) {
    const whole = savedParameters(config, sites, targets).includes(`${module}.weight`);
    if (targets.includes(module) || whole)
      throw new AttuneError(
        `adapter: trainableTokenIndices trains rows of ${module}, which ${whole ? "modulesToSave trains whole" : "has a low-rank term"}; leave one out.`,
      );
  }
}

function shapeOf(sites: Sites, module: string) {
  const shape = siteShape(sites, module)!;
  return module === sites.embedding ? { ...shape, embedding: true } : shape;
}

/** A parameter's entry in the files: a tied output layer's is the embedding's. */
const entryOf = (name: string, { embedding, head, tied }: Sites, tensors: Tensors): TensorEntry =>
  tensors.get(tied && name === `${head}.weight` ? `${embedding}.weight` : name)!;

/** Readers of a layer's weight as [out, in]. */
function linearWeights({ model, tensors, unquantized }: AdapterBase, sites: Sites) {
  const { transposed } = modelLayout(model);
  const reader =
    (from: Tensors) =>
    async (module: string): Promise<Float32Array> => {
      const data = await readWeight(entryOf(`${module}.weight`, sites, from));
      if (!transposed.has(module) && module !== sites.embedding) return data;
      const { in: inputs, out } = siteShape(sites, module)!;
      return data.map((_, at) => data[(at % inputs) * out + Math.floor(at / inputs)]!);
    };
  return { weightOf: reader(tensors), unquantizedOf: reader(unquantized ?? tensors) };
}

async function ownParameters(config: AdapterConfig, sites: Sites, targets: string[], tensors: Tensors) {
  const parameters = new Map<string, Parameter>();
  for (const name of savedParameters(config, sites, targets))
    parameters.set(name, {
      shape: sites.parameters.get(name)!,
      data: await readWeight(entryOf(name, sites, tensors)),
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
  const { targetModules, trainableTokenIndices } = config;
  const names = ["embed_tokens", "lm_head"];
  const ends = [sites.embedding, sites.head];
  const isNamed = Array.isArray(targetModules)
    ? targetModules.some((target) => names.includes(target))
    : !isAllLinear(targetModules) &&
      ends.some((module) => targets.includes(module) && names.includes(module.split(".").at(-1)!));
  if (!isNamed || trainableTokenIndices !== undefined) return {};
  const wrapped = ends.filter((module) => targets.includes(module)).map((module) => `${module}.weight`);
  return { stored: new Map(wrapped.map((name) => [name, entryOf(name, sites, tensors)])) };
}
