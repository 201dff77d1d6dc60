/**
 * (IA)³ (Liu et al. 2022, https://arxiv.org/abs/2205.05638): a vector a layer, which scales what the layer gives, its bias
 * too, or, of a feedforward layer, what it takes. Names are PEFT's.
 */
import * as z from "zod";
import { mul } from "../../graph/ops/elementwise.ts";
import { reshape } from "../../graph/ops/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { LinearHook } from "../../models/scope.ts";
import { AttuneError } from "../../text/errors.ts";
import type { Adapter } from "../adapter.ts";
import { PREFIX } from "../peft/tensor_names.ts";
import {
  type ConfigOf,
  excludeModules,
  fanInFanOut,
  modulesToSave,
  names,
  nonEmptyText,
  optional,
  recipeSchema,
} from "../settings.ts";
import { IA3_TARGETS } from "../targets/default_targets.ts";
import { fullmatch } from "../targets/python_regex.ts";
import { adaptedShapes, type LayerShape } from "../targets/sites.ts";
import { adapterMatcher, endsIn } from "../targets/target_modules.ts";
import { fed, made } from "./graph_terms.ts";
import type { Change, FileTerm, Kind, MergeBase, ModuleTensor, Shaped } from "./kind.ts";

const settings = {
  targetModules: optional(
    names,
    "Which linear layers are scaled: as LoRA's; when left out, keys, values and the MLP's last layer (k_proj, v_proj, down_proj, or what the family calls them).",
    { keepsOff: true },
  ),
  feedforwardModules: optional(
    z.union([z.array(nonEmptyText), nonEmptyText]),
    "Of these, layers whose input is scaled, not what they give; the MLP's last layer when left out.",
    { keepsOff: true },
  ),
  excludeModules,
  modulesToSave,
  fanInFanOut,
};

export type Ia3Config = ConfigOf<"ia3", typeof settings>;

const schema = recipeSchema(
  "ia3",
  settings,
  "A vector a layer that scales what it gives: (IA)³ (Liu et al. 2022). Learns at rates around 3e-3.",
);

export interface Ia3Weights {
  /** [out], or [in] of a feedforward layer. */
  vector: Float32Array;
  feedforward: boolean;
}

export type Ia3Adapter = Adapter<Ia3Config, Ia3Weights>;

interface Ia3Term {
  vector: Tensor;
  feedforward: boolean;
}

const nameOf = (module: string): string => `${module}.ia3_l`;

/** What PEFT 0.21 writes for an adapter that uses nothing beyond it. */
const DEFAULTS = {
  auto_mapping: null,
  base_model_name_or_path: null,
  exclude_modules: null,
  fan_in_fan_out: false,
  feedforward_modules: null,
  inference_mode: true,
  init_ia3_weights: true,
  modules_to_save: null,
  peft_type: "IA3",
  peft_version: "0.21.0",
  revision: null,
  target_modules: null,
  task_type: "CAUSAL_LM",
};

export const ia3 = {
  type: "ia3",
  schema,
  settings,
  file: { defaults: DEFAULTS, ignored: ["init_ia3_weights"], floats: [], condensed },
  adaptsEnds: false,
  defaults: IA3_TARGETS,
  learningRate: 3e-3, // Liu et al. 2022 (T-Few)
  nameOf: () => "(IA)³",
  describe: () => "(IA)³",
  check: checkIa3Config,

  complete(config, linears) {
    const usual = usualModules(linears);
    const { targetModules = [...usual.attention, ...usual.feedforward] } = config;
    const targets = linears.filter(adapterMatcher({ ...config, targetModules }));
    const isTargeted = (ending: string) => targets.some(endsIn(ending));
    const { feedforwardModules = usual.feedforward.filter(isTargeted) } = config;
    return { ...config, targetModules, feedforwardModules };
  },

  checkPlan: ({ config, targets }) => checkFeedforward(config, targets),

  async start({ config, sites, targets }) {
    const begin = (module: string, { in: inputs, out }: LayerShape): Ia3Weights => {
      const feedforward = isFeedforward(config, module);
      return { vector: new Float32Array(feedforward ? inputs : out).fill(1), feedforward };
    };
    const shapes = adaptedShapes(sites, targets);
    return { modules: new Map(Array.from(shapes, ([module, shape]) => [module, begin(module, shape)])) };
  },

  tensors: {
    of: tensorsOf,
    shape: ({ vector, feedforward }) => ({ [feedforward ? "in" : "out"]: vector.length }),
    parts: { ia3_l: "vector" },
    fault,
    read: async ({ parts: { vector } }, read) => ({
      vector: await read(vector!),
      feedforward: vector!.shape[0] === 1,
    }),
  },

  faults: ({ modules }, wanted) =>
    [...modules].flatMap(([module, { feedforward }]) => {
      const isOne = isFeedforward(wanted, module);
      if (feedforward === isOne) return [];
      const problem = `feedforward_modules wants its vector as ${isOne ? "[1, in]" : "[out, 1]"}`;
      return [{ code: "adapters.does-not-fit", place: module, problem }];
    }),

  parts(adapter) {
    const term = made(adapter.modules, (module, weights) => ({
      vector: fed(tensorsOf(module, weights)).vector!,
      feedforward: weights.feedforward,
    }));
    return { hook: ia3Hook(term), gain: (name) => biasGain(term, name) };
  },

  signature: ({ modules }) =>
    Array.from(modules, ([module, { feedforward }]) => `${module}:ia3 ${feedforward ? "in" : "out"}`)
      .sort()
      .join(),

  merge(adapter, base) {
    const changes = [...adapter.modules].flatMap(([module, weights]) => scaled(module, weights, base));
    return new Map(changes);
  },

  inverse: () => ({
    problem:
      "is (IA)³: the merge scaled weights, and what was rounded is not to be divided out again. Keep the base.",
  }),
} satisfies Kind<Ia3Config, Ia3Weights>;

/** What the paper scales: keys and values, or all of a fused projection, and what the MLP's last layer takes. */
function usualModules(linears: readonly string[]) {
  const isThere = (ending: string) => linears.some(endsIn(ending));
  const first = (choices: string[][]) => choices.find((endings) => endings.every(isThere)) ?? [];
  return {
    attention: first([["k_proj", "v_proj"], ["query_key_value"], ["qkv_proj"], ["c_attn"]]),
    feedforward: first([["down_proj"], ["dense_4h_to_h"], ["mlp.c_proj"]]),
  };
}

/** As PEFT decides it (tuners/ia3/model.py): an item of the list is any ending, at a dot or not. */
export function isFeedforward({ feedforwardModules }: Pick<Ia3Config, "feedforwardModules">, module: string) {
  if (feedforwardModules === undefined) return false;
  if (Array.isArray(feedforwardModules)) return feedforwardModules.some((ending) => module.endsWith(ending));
  return fullmatch(feedforwardModules, "feedforwardModules").test(module);
}

/** @throws AttuneError that names every feedforward module which is none of the targeted ones. */
function checkFeedforward({ feedforwardModules = [] }: Ia3Config, targets: readonly string[]): void {
  const items = Array.isArray(feedforwardModules)
    ? feedforwardModules.map((item) => [item])
    : [feedforwardModules];
  const idle = items.filter(
    (item) => !targets.some((module) => isFeedforward({ feedforwardModules: item }, module)),
  );
  if (idle.length > 0)
    throw new AttuneError({
      code: "adapters.no-match",
      place: "adapter: feedforwardModules",
      problem: `no targeted module matches ${idle.join(", ")}`,
    });
}

/** @throws AttuneError when a list of feedforward modules holds what the list of targets does not, as in PEFT. */
export function checkIa3Config({ targetModules, feedforwardModules }: Ia3Config, where: string): void {
  if (!Array.isArray(targetModules) || !Array.isArray(feedforwardModules)) return;
  const foreign = feedforwardModules.filter((module) => !targetModules.includes(module));
  if (foreign.length > 0)
    throw new AttuneError({
      code: "adapters.contradiction",
      place: `${where}: feedforwardModules`,
      problem: `each must be among targetModules; ${foreign.join(", ")} is not`,
    });
}

function tensorsOf(module: string, { vector, feedforward }: Ia3Weights): ModuleTensor[] {
  const shape = feedforward ? [1, vector.length] : [vector.length, 1];
  return [{ part: "vector", name: nameOf(module), shape, data: vector, rate: "B" }];
}

function fault(module: string, { parts }: FileTerm<Shaped>, config: Ia3Config): string | undefined {
  const { shape } = parts.vector!;
  const got = `got [${shape.join(", ")}]`;
  if (config.feedforwardModules === undefined) {
    const isVector = shape.length === 2 && shape.includes(1);
    return isVector ? undefined : `${PREFIX}${nameOf(module)} must be [out, 1] or [1, in], ${got}`;
  }
  const [length, wanted] = isFeedforward(config, module) ? [1, "[1, in]"] : [0, "[out, 1]"];
  if (shape.length === 2 && shape[1 - length] === 1) return undefined;
  return `${PREFIX}${nameOf(module)} must be ${wanted}, ${got}`;
}

/** Where a module has a term: vector ⊙ (W·x), or W·(vector ⊙ x). x [T, in]. */
const ia3Hook =
  (termOf: (module: string) => Ia3Term | undefined): LinearHook =>
  (module, x, y, layer) => {
    const term = termOf(module);
    if (!term) return y;
    return term.feedforward ? layer.product(mul(x, flat(term.vector))) : mul(y, flat(term.vector));
  };

/** What a bias is multiplied by: it is a part of what its layer gives. */
function biasGain(termOf: (module: string) => Ia3Term | undefined, parameter: string): Tensor | undefined {
  const term = parameter.endsWith(".bias") ? termOf(parameter.slice(0, -".bias".length)) : undefined;
  return term && !term.feedforward ? flat(term.vector) : undefined;
}

/** PEFT keeps [out, 1], or [1, in]. */
const flat = (vector: Tensor): Tensor =>
  reshape(vector, [vector.shape[0] === 1 ? vector.shape[1]! : vector.shape[0]!]);

/** W's rows and the bias, or W's columns, times the vector. */
function scaled(module: string, { vector, feedforward }: Ia3Weights, base: MergeBase): [string, Change][] {
  const perColumn = feedforward !== base.transposed.has(module);
  const weight: Change = (W) => {
    const columns = perColumn ? vector.length : W.length / vector.length;
    return W.map((value, at) => value * vector[perColumn ? at % columns : Math.floor(at / columns)]!);
  };
  const bias: Change = (values) => values.map((value, o) => value * vector[o]!);
  const changes: [string, Change][] = [[`${module}.weight`, weight]];
  return feedforward || !base.hasBias(module) ? changes : [...changes, [`${module}.bias`, bias]];
}

/**
 * The settings with `targets`, the endings that "all-linear" is written as, as a list of which the feedforward modules are
 * a part: of PEFT's files they must be. Where an ending means modules of both kinds, all names are written in full.
 */
function condensed(
  config: Ia3Config,
  targets: readonly string[],
  modules: readonly string[],
): Ia3Config & { targetModules: string[] } {
  const isOne = (module: string) => isFeedforward(config, module);
  const meant = (target: string) => modules.filter(endsIn(target));
  const isMixed = targets.some((target) => new Set(meant(target).map(isOne)).size > 1);
  const targetModules = isMixed ? [...modules].sort() : [...targets];
  return { ...config, targetModules, feedforwardModules: targetModules.filter((t) => isOne(meant(t)[0]!)) };
}
