import { mul } from "../graph/ops/elementwise.ts";
import { reshape } from "../graph/ops/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { LinearHook } from "../models/scope.ts";
import { AttuneError } from "../text/errors.ts";
import { fullmatch } from "./targets/python_regex.ts";

/**
 * (IA)³ (Liu et al. 2022, https://arxiv.org/abs/2205.05638): a vector a layer, which scales what the layer gives, its bias
 * too, or, of a feedforward layer, what it takes. Names are PEFT's.
 */
export interface Ia3Config {
  type: "ia3";
  /** Endings of module names, or a regular expression for whole names, or "all-linear"; PEFT's choice for the family when left out. */
  targetModules?: string[] | string;
  /** Of the targeted ones those whose input is scaled: endings of names, or a regular expression for whole names; PEFT's choice for the family when left out. */
  feedforwardModules?: string[] | string;
  excludeModules?: string[] | string;
  /** Modules trained whole: those whose name ends so. */
  modulesToSave?: string[];
  /** The base keeps its weights as [in, out]: PEFT notes it, and the base's family knows it. */
  fanInFanOut?: boolean;
}

export interface Ia3Weights {
  /** [out], or [in] of a feedforward layer. */
  vector: Float32Array;
  feedforward: boolean;
}

export interface Ia3Term {
  vector: Tensor;
  feedforward: boolean;
}

/** Where a module has a term: vector ⊙ (W·x), or W·(vector ⊙ x). x [T, in]. */
export const ia3Hook =
  (termOf: (module: string) => Ia3Term | undefined): LinearHook =>
  (module, x, y, layer) => {
    const term = termOf(module);
    if (!term) return y;
    return term.feedforward ? layer.product(mul(x, flat(term.vector))) : mul(y, flat(term.vector));
  };

/** What a bias is multiplied by: it is a part of what its layer gives. */
export function biasGain(termOf: (module: string) => Ia3Term | undefined, parameter: string) {
  const term = parameter.endsWith(".bias") ? termOf(parameter.slice(0, -".bias".length)) : undefined;
  return term && !term.feedforward ? flat(term.vector) : undefined;
}

/** PEFT keeps [out, 1], or [1, in]. */
const flat = (vector: Tensor): Tensor =>
  reshape(vector, [vector.shape[0] === 1 ? vector.shape[1]! : vector.shape[0]!]);

/** As PEFT decides it (tuners/ia3/model.py): an item of the list is any ending, at a dot or not. */
export function isFeedforward({ feedforwardModules }: Pick<Ia3Config, "feedforwardModules">, module: string) {
  if (feedforwardModules === undefined) return false;
  if (Array.isArray(feedforwardModules)) return feedforwardModules.some((ending) => module.endsWith(ending));
  return fullmatch(feedforwardModules, "feedforwardModules").test(module);
}

/** @throws AttuneError that names every feedforward module which is none of the targeted ones. */
export function checkFeedforward({ feedforwardModules = [] }: Ia3Config, targets: readonly string[]): void {
  const items = Array.isArray(feedforwardModules)
    ? feedforwardModules.map((item) => [item])
    : [feedforwardModules];
  const idle = items.filter(
    (item) => !targets.some((module) => isFeedforward({ feedforwardModules: item }, module)),
  );
  if (idle.length > 0)
    throw new AttuneError(`adapter: feedforwardModules: no targeted module matches ${idle.join(", ")}.`);
}

/** @throws AttuneError when a list of feedforward modules holds what the list of targets does not, as in PEFT. */
export function checkIa3Config({ targetModules, feedforwardModules }: Ia3Config, where: string): void {
  if (!Array.isArray(targetModules) || !Array.isArray(feedforwardModules)) return;
  const foreign = feedforwardModules.filter((module) => !targetModules.includes(module));
  if (foreign.length > 0)
    throw new AttuneError(
      `${where}: feedforwardModules must be among targetModules; ${foreign.join(", ")} is not.`,
    );
}

/**
 * The settings with `targets`, the endings that "all-linear" is written as, as a list of which the feedforward modules are
 * a part: of PEFT's files they must be. Where an ending means modules of both kinds, all names are written in full.
 */
export function condensedFeedforward(
  config: Ia3Config,
  targets: readonly string[],
  modules: readonly string[],
): Ia3Config & { targetModules: string[] } {
  const isOne = (module: string) => isFeedforward(config, module);
  const meant = (target: string) => modules.filter((m) => m === target || m.endsWith(`.${target}`));
  const isTorn = targets.some((target) => new Set(meant(target).map(isOne)).size > 1);
  const targetModules = isTorn ? [...modules].sort() : [...targets];
  return { ...config, targetModules, feedforwardModules: targetModules.filter((t) => isOne(meant(t)[0]!)) };
}
