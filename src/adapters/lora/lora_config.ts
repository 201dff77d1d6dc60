import { AttuneError } from "../../text/errors.ts";
import { listed } from "../../text/listed.ts";
import { fullmatch } from "../targets/python_regex.ts";
import type { LayerShape } from "../targets/sites.ts";

/**
 * Low-rank adaptation (Hu et al. 2021, https://arxiv.org/abs/2106.09685): y = W·x + alpha/r · B·A·x, and what PEFT adds
 * to it, by PEFT's names. What is left out is off.
 */
export interface LoraConfig {
  type: "lora";
  r: number;
  alpha: number;
  /** Probability with which an input of A is zeroed in training; the rest is divided by 1 − dropout. */
  dropout: number;
  /** Endings of module names, or a regular expression for whole names, or "all-linear"; PEFT's choice for the family when left out. */
  targetModules?: string[] | string;
  /** Endings of module names, or a regular expression for whole names, that get no adapter after all. */
  excludeModules?: string[] | string;
  /** Numbers of the layers that get an adapter, all when left out. */
  layersToTransform?: number[] | number;
  /** Names under which a model keeps its layers: `layers`, `h`. */
  layersPattern?: string[] | string;
  /** Ranks and alphas of modules whose name ends in a key, a regular expression; the first that matches counts. */
  rankPattern?: Record<string, number>;
  alphaPattern?: Record<string, number>;
  /** Scale by alpha/√r (Kalajdzievski 2023, https://arxiv.org/abs/2312.03732). */
  useRslora?: boolean;
  /** Weight-decomposed (Liu et al. 2024, https://arxiv.org/abs/2402.09353). */
  useDora?: boolean;
  /** Biases that are trained as well. */
  bias?: "none" | "all" | "lora_only";
  /** Modules trained whole: those whose name ends so. */
  modulesToSave?: string[];
  /** Rows of the embedding trained one by one; by module name, or of the input embedding. */
  trainableTokenIndices?: number[] | Record<string, number[]>;
  /** Tied ends stay tied: what is trained of one is trained of both. */
  ensureWeightTying?: boolean;
  /** The base keeps its weights as [in, out]: PEFT notes it, and the base's family knows it. */
  fanInFanOut?: boolean;
  /** How A and B begin; true when left out. */
  initLoraWeights?: InitLoraWeights;
}

/** PEFT's names: "pissa_niter_16" is PiSSA by a randomized decomposition of 16 iterations. */
export type InitLoraWeights = boolean | string;

/** The rank of a module's term. */
export const rankOf = ({ r, rankPattern }: Pick<LoraConfig, "r" | "rankPattern">, module: string): number =>
  patternValue(rankPattern, module, "rankPattern") ?? r;

/** What multiplies B·A·x at a module, whose rank is `r` where that is not the config's. */
export function scaleOf(config: LoraConfig, module: string, r = rankOf(config, module)): number {
  const alpha = patternValue(config.alphaPattern, module, "alphaPattern") ?? config.alpha;
  return alpha / (config.useRslora ? Math.sqrt(r) : r);
}

/** @throws AttuneError that names every setting out of its range; `where` says whose settings they are. */
export function checkLoraConfig(config: LoraConfig, where: string): void {
  const { r, alpha, dropout, rankPattern = {}, alphaPattern = {} } = config;
  const faults: string[] = [];
  const rank = (name: string, value: number) => {
    if (!Number.isSafeInteger(value) || value < 1)
      faults.push(`${name} must be a whole number from 1 on, got ${value}`);
  };
  const positive = (name: string, value: number) => {
    if (!(Number.isFinite(value) && value > 0)) faults.push(`${name} must be a number above 0, got ${value}`);
  };
  rank("r", r);
  for (const [key, value] of Object.entries(rankPattern)) rank(`rankPattern.${key}`, value);
  positive("alpha", alpha);
  for (const [key, value] of Object.entries(alphaPattern)) positive(`alphaPattern.${key}`, value);
  if (!(dropout >= 0 && dropout < 1)) faults.push(`dropout must be from 0 to below 1, got ${dropout}`);
  faults.push(...contradictions(config));
  if (faults.length > 0) throw new AttuneError(`${where}: ${faults.join("; ")}.`);
}

const DECOMPOSED = /^(olora|pissa(_niter_\d+)?)$/;

/** Whether A and B begin as a part of W, which is taken out of it. */
export const isDecomposed = (init: InitLoraWeights | undefined): init is string =>
  typeof init === "string" && DECOMPOSED.test(init);

/** Settings that PEFT, or attune, does not take together. */
function contradictions(config: LoraConfig): string[] {
  const { initLoraWeights, useDora } = config;
  const faults = layerSettingFaults(config);
  if (isDecomposed(initLoraWeights) && useDora)
    faults.push(`initLoraWeights ${initLoraWeights} together with useDora is not supported`);
  if (isDecomposed(initLoraWeights) && config.useRslora && (config.rankPattern || config.alphaPattern))
    faults.push(
      `initLoraWeights ${initLoraWeights} together with useRslora and rankPattern or alphaPattern is not supported, as in PEFT`,
    );
  return faults;
}

/** Settings of layers that contradict each other. */
export function layerSettingFaults({
  targetModules,
  layersToTransform,
  layersPattern,
}: Pick<LoraConfig, "targetModules" | "layersToTransform" | "layersPattern">): string[] {
  const faults: string[] = [];
  if (typeof targetModules === "string" && (layersToTransform !== undefined || layersPattern !== undefined))
    faults.push("layersToTransform and layersPattern need targetModules as a list of name endings");
  if (layersPattern !== undefined && layersToTransform === undefined)
    faults.push("layersPattern says nothing without layersToTransform");
  return faults;
}

/**
 * Checks the patterns against the modules that have an adapter.
 * @throws AttuneError that names every key which matches none of them, and every module whose first match is another one
 *   in the order that PEFT's files keep, which is the alphabet's.
 */
export function checkPatterns(config: LoraConfig, modules: Iterable<string>): void {
  const names = [...modules];
  const faults = (["rankPattern", "alphaPattern"] as const).flatMap((setting) =>
    patternFaults(config[setting] ?? {}, names, setting),
  );
  if (faults.length > 0) throw new AttuneError(`adapter: ${faults.join("; ")}.`);
}

function patternFaults(patterns: Record<string, number>, modules: string[], setting: string): string[] {
  const keys = Object.keys(patterns);
  const faults = keys
    .filter((key) => !modules.some((module) => patternKey([key], module, setting) !== undefined))
    .map((key) => `${setting}: ${key} matches no module that has an adapter`);
  const sorted = [...keys].sort();
  const value = (order: string[], module: string) => patterns[patternKey(order, module, setting)!];
  const torn = modules.find((module) => value(keys, module) !== value(sorted, module));
  if (torn !== undefined)
    faults.push(
      `${setting}: ${torn} matches several keys, and PEFT's files keep them in another order; let one key match`,
    );
  return faults;
}

/** The first of `keys` that a module's name ends in, as PEFT matches `rank_pattern`: a key is a regular expression. */
const patternKey = (keys: readonly string[], module: string, setting: string): string | undefined =>
  keys.find((key) => fullmatch(`(.*\\.)?(${key})`, setting).test(module));

/** What `patterns` says of a module; nothing when no key matches. */
function patternValue(
  patterns: Readonly<Record<string, number>> | undefined,
  module: string,
  setting: string,
): number | undefined {
  if (!patterns) return undefined;
  const key = patternKey(Object.keys(patterns), module, setting);
  return key === undefined ? undefined : patterns[key];
}

/** @throws AttuneError that names every module whose rank is above what its matrix can have. */
export function checkRanks(config: LoraConfig, shapes: ReadonlyMap<string, LayerShape>): void {
  const faults = [...shapes].flatMap(([module, shape]) => {
    const [r, most] = [rankOf(config, module), Math.min(shape.in, shape.out)];
    return r > most ? [`${module}: rank ${r} is above the matrix's, ${most}`] : [];
  });
  if (faults.length > 0) throw new AttuneError(`adapter: ${listed(faults)}`);
}
