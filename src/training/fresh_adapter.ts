import { initializeLora, startFromWeights, type Uniform } from "../adapters/initialize.ts";
import { checkLoraConfig, checkPatterns, type LoraConfig } from "../adapters/lora_config.ts";
import { checkModulesToSave, savedParameters } from "../adapters/modules_to_save.ts";
import { type Adapter, checkRanks, type Parameter, type TokenRows } from "../adapters/peft.ts";
import { adapterSites, type Sites, siteShape } from "../adapters/sites.ts";
import { isAllLinear, matchAdapter } from "../adapters/target_modules.ts";
import { tokenIndices } from "../adapters/token_rows.ts";
import { readWeight } from "../checkpoints/read_weight.ts";
import type { TensorEntry } from "../checkpoints/safetensors.ts";
import { AttuneError } from "../errors.ts";
import type { Model } from "../models/family.ts";
import { modelLayout } from "../models/layout.ts";

type Tensors = ReadonlyMap<string, TensorEntry>;

/**
 * A new adapter of `config` for a base, before its first step.
 * @throws AttuneError that names every setting that contradicts another, matches nothing or asks for too much.
 */
export async function freshAdapter(
  config: LoraConfig,
  baseModel: string,
  model: Model,
  tensors: Tensors,
  uniform: Uniform,
): Promise<Adapter> {
  checkLoraConfig(config, "adapter");
  const sites = adapterSites(model);
  const targets = matchAdapter([...sites.linears.keys()], [sites.embedding, sites.head], config);
  checkTargets(config, sites, targets);
  const shapes = new Map(targets.map((module) => [module, shapeOf(sites, module)]));
  checkRanks(config, shapes);
  const indices = tokenIndices(config, sites);
  const weightOf = linearWeights(model, sites, tensors);
  const { transposed } = modelLayout(model);
  const isTurned = targets.some((module) => transposed.has(module));
  return {
    config: isTurned ? { ...config, fanInFanOut: true } : config,
    baseModel,
    modules: await startFromWeights(initializeLora(shapes, config, uniform), config, weightOf, uniform),
    ...(await ownParameters(config, sites, targets, tensors)),
    ...(indices.size > 0 && { tokens: await ownRows(indices, sites, tensors) }),
    ...storedWeights(config, sites, targets, tensors),
  };
}

function checkTargets(config: LoraConfig, sites: Sites, targets: string[]): void {
  checkPatterns(config, targets);
  checkModulesToSave(config, sites, targets);
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

/** Reads a layer's weight as [out, in]. */
function linearWeights(model: Model, sites: Sites, tensors: Tensors) {
  const { transposed } = modelLayout(model);
  return async (module: string): Promise<Float32Array> => {
    const data = await readWeight(entryOf(`${module}.weight`, sites, tensors));
    if (!transposed.has(module) && module !== sites.embedding) return data;
    const { in: inputs, out } = siteShape(sites, module)!;
    return data.map((_, at) => data[(at % inputs) * out + Math.floor(at / inputs)]!);
  };
}

async function ownParameters(config: LoraConfig, sites: Sites, targets: string[], tensors: Tensors) {
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
