import { moduleOf } from "../../files/tensor_names.ts";
import { allFinite } from "../../math/all_finite.ts";
import { randomNormal, randomUniform } from "../../random/random.ts";
import { AttuneError } from "../../text/errors.ts";
import type { LoraAdapter } from "../kinds/lora.ts";
import { type LoraConfig, scaleOf } from "../lora/lora_config.ts";
import { baseLayer, ofBase, PREFIX } from "../peft/tensor_names.ts";
import { checkCombination } from "./check_combination.ts";
import { combineTerms, type WeighedTerm } from "./combine_modules.ts";
import type { MajoritySign } from "./combine_values.ts";
import { type CombineMethod, methodTraits } from "./methods.ts";

/** An adapter, what it counts for, which may be less than 0, and what messages call it. */
export interface WeighedAdapter {
  name: string;
  adapter: LoraAdapter;
  weight: number;
}

export interface CombineSettings {
  method: CombineMethod;
  /** Share of values that is kept, of methods that leave some out: above 0, at most 1. */
  density?: number;
  /** How methods of TIES elect a sign: by the sum of values ("total", the default) or of their signs. */
  majoritySign?: MajoritySign;
  /** Of the result, for methods of SVD; the largest of the adapters' ranks when left out. */
  rank?: number;
  /** Of what DARE leaves out, and of the SVD's first directions; 0 when left out. */
  seed?: number;
}

/**
 * Several adapters in one, as PEFT's `add_weighted_adapter` combines them. A module that some adapters lack is combined
 * of the others.
 *
 * - `cat`: exactly the weighted sum, of as much rank as all together; `svd`: the best of a rank to be the sum.
 * - `linear`: the factors A and B each summed up, weighed by roots, which is a rough guess at the sum.
 * - `ties`, `dare_linear`, `dare_ties`, `magnitude_prune`: factors pruned to a density first; with `_svd`, products.
 *
 * The result's alpha is its rank: its terms count once.
 * @throws AttuneError that names what can't be combined.
 */
export function combineAdapters(inputs: readonly WeighedAdapter[], settings: CombineSettings): LoraAdapter {
  checkCombination(inputs, settings);
  const traits = methodTraits(settings.method);
  const { density, majoritySign = "total", seed = 0 } = settings;
  const r = combinedRank(inputs, settings);
  const names = new Set(inputs.flatMap(({ adapter }) => [...adapter.modules.keys()]));
  const modules = [...names].map((module) => {
    const normal = (index: number) => randomNormal(seed, `combine ${module}`, 0, index);
    const options = { ...traits, density, majoritySign, normal };
    return [module, combineTerms(termsOf(module, inputs, seed), r, options)] as const;
  });
  for (const [module, { A, B }] of modules)
    if (!allFinite(A) || !allFinite(B))
      throw new AttuneError({
        code: "adapters.not-finite",
        place: module,
        problem: "the combined term is beyond float32",
        wayOut: "Give smaller weights",
      });
  const stored = storedOnce(inputs, names);
  return {
    config: combinedConfig(inputs, r, [...names]),
    baseModel: inputs[0]!.adapter.baseModel,
    modules: new Map(modules),
    ...(stored.size > 0 && { stored }),
  };
}

/** Weights of the base that the adapters bring along, by the names that PEFT's file of the result has for them. */
function storedOnce(inputs: readonly WeighedAdapter[], modules: ReadonlySet<string>) {
  const entries = inputs.flatMap(({ adapter }) => [...(adapter.stored ?? [])]);
  return new Map(
    entries.map(([key, entry]) => {
      const name = ofBase(key);
      return [PREFIX + (modules.has(moduleOf(name)) ? baseLayer(name) : name), entry];
    }),
  );
}

function combinedRank(inputs: readonly WeighedAdapter[], { method, rank }: CombineSettings): number {
  const ranks = inputs.map(({ adapter: { modules } }) =>
    Math.max(...[...modules.values()].map(({ r }) => r)),
  );
  if (method === "cat") return ranks.reduce((sum, r) => sum + r, 0);
  return rank ?? Math.max(...ranks);
}

function termsOf(module: string, inputs: readonly WeighedAdapter[], seed: number): WeighedTerm[] {
  return inputs.flatMap(({ adapter, weight }, i) => {
    const weights = adapter.modules.get(module);
    if (!weights) return [];
    const uniform = (purpose: string, index: number) =>
      randomUniform(seed, `combine ${module} ${purpose}`, i, index);
    return [{ weights, scale: scaleOf(adapter.config, module, weights.r), weight, uniform }];
  });
}

function combinedConfig(inputs: readonly WeighedAdapter[], r: number, modules: string[]): LoraConfig {
  const configs = inputs.map(({ adapter }) => adapter.config);
  const { dropout, fanInFanOut } = configs[0]!;
  const targetModules = combinedTargets(configs) ?? modules.sort();
  return { type: "lora", r, alpha: r, dropout, targetModules, ...(fanInFanOut && { fanInFanOut }) };
}

/** All the endings, where nothing else says which modules are meant. */
function combinedTargets(configs: readonly LoraConfig[]): string[] | undefined {
  const lists = configs.map(({ targetModules, excludeModules, layersToTransform }) =>
    Array.isArray(targetModules) && excludeModules === undefined && layersToTransform === undefined
      ? targetModules
      : undefined,
  );
  if (lists.includes(undefined)) return undefined;
  return [...new Set(lists.flatMap((list) => list!))].sort();
}
