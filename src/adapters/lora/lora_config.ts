import * as z from "zod";
import { AttuneError, withProblems } from "../../text/errors.ts";
import type { PeftFile } from "../peft/peft_file.ts";
import {
  bias,
  type ConfigOf,
  dropoutSetting,
  excludeModules,
  fanInFanOut,
  flag,
  layersPattern,
  layersToTransform,
  modulesToSave,
  nonEmptyText,
  optional,
  rank,
  recipeSchema,
  targetModulesOrNone,
  targetParameters,
  trainableTokenIndices,
  usual,
} from "../settings.ts";
import { fullmatch } from "../targets/python_regex.ts";
import type { LayerShape } from "../targets/sites.ts";
import { layerSettingFaults } from "../targets/target_modules.ts";

const positive = z.number().positive();
const initLoraWords = {
  error: "expected true, false, gaussian, pissa, pissa_niter_1 to pissa_niter_99, olora or loftq",
};
const starts = z.union(
  [
    z.boolean(),
    z.enum(["gaussian", "pissa", "olora", "loftq"]),
    z.string().regex(/^pissa_niter_[1-9]\d?$/, initLoraWords),
  ],
  initLoraWords,
);
/** The others (pissa, olora, corda, loftq, lora_ga, …) change the base model, or freeze a half. */
const finishedStarts = z.union([z.boolean(), z.enum(["gaussian", "orthogonal", "eva"])], {
  error:
    "expected a start that leaves the base as it is: save the adapter with PEFT's path_initial_model_for_weight_conversion, which makes it a plain LoRA",
});

/**
 * Low-rank adaptation (Hu et al. 2021, https://arxiv.org/abs/2106.09685): y = W·x + alpha/r · B·A·x, and what PEFT adds
 * to it, by PEFT's names. What is left out is off.
 */
export const loraSettings = {
  r: usual(rank, 8, "Rank of the low-rank terms."),
  alpha: usual(positive, 16, "The terms are scaled by alpha / r.", { key: "lora_alpha" }),
  dropout: dropoutSetting("lora_dropout"),
  targetModules: targetModulesOrNone(
    "Which linear layers: a list of name endings, a regular expression, or all-linear; an empty list beside targetParameters.",
  ),
  targetParameters,
  excludeModules,
  layersToTransform,
  layersPattern,
  rankPattern: optional(
    z.record(nonEmptyText, rank),
    "Other ranks: { q_proj: 16 }, by a name's ending, a regular expression; the first that matches counts.",
  ),
  alphaPattern: optional(z.record(nonEmptyText, positive), "Other alphas, in the same way."),
  useRslora: optional(flag, "Scale by alpha / √r (Kalajdzievski 2023)."),
  useDora: optional(flag, "Train magnitudes beside directions: DoRA (Liu et al. 2024)."),
  bias: bias("lora_only"),
  modulesToSave,
  ensureWeightTying: optional(
    flag,
    "Ends that share a weight stay equal: what modulesToSave or targetModules trains of one is trained of both.",
  ),
  trainableTokenIndices,
  initLoraWeights: optional(
    starts,
    "How A and B begin: true (A random, B zero), gaussian, pissa, pissa_niter_16, olora, or, with quantization, loftq. PiSSA's and OLoRA's are saved as a plain LoRA of twice the rank.",
    { file: finishedStarts, keepsOff: true },
  ),
  fanInFanOut,
};

export type LoraConfig = ConfigOf<"lora", typeof loraSettings>;

/** Settings of the optimizer, which no adapter's files keep. */
export const loraPlus = {
  loraplusLrRatio: z
    .number()
    .min(1)
    .optional()
    .describe("LoRA+ (Hayou et al. 2024): B learns at this many times the rate of A; 16 is usual."),
  loraplusLrEmbedding: positive
    .optional()
    .describe("With loraplusLrRatio, the rate of an adapted embedding; 1e-6 when left out."),
};

export const loraSchema = recipeSchema(
  "lora",
  loraSettings,
  "A fresh LoRA adapter (Hu et al. 2021).",
  loraPlus,
);

/** What PEFT 0.21 writes for a LoRA adapter that uses nothing beyond it. */
const DEFAULTS = {
  alora_invocation_tokens: null,
  alpha_pattern: {},
  arrow_config: null,
  auto_mapping: null,
  base_model_name_or_path: null,
  bias: "none",
  corda_config: null,
  ensure_weight_tying: false,
  eva_config: null,
  exclude_modules: null,
  fan_in_fan_out: false,
  inference_mode: true,
  init_lora_weights: true,
  kasa_config: null,
  layer_replication: null,
  layers_pattern: null,
  layers_to_transform: null,
  loftq_config: {},
  lora_alpha: 8,
  lora_bias: false,
  lora_dropout: 0,
  lora_ga_config: null,
  megatron_config: null,
  megatron_core: "megatron.core",
  modules_to_save: null,
  monteclora_config: null,
  peft_type: "LORA",
  peft_version: "0.21.0",
  qalora_group_size: 16,
  r: 8,
  rank_pattern: {},
  revision: null,
  target_modules: null,
  target_parameters: null,
  task_type: "CAUSAL_LM",
  trainable_token_indices: null,
  use_bdlora: null,
  use_dora: false,
  use_qalora: false,
  use_rslora: false,
  velora_config: null,
};

const MERGE =
  "Merge the adapter into its base with PEFT (merge_and_unload, save_pretrained) and use the merged model";

/** What to do about a setting that is not computed here; `MERGE` where nothing is said. */
const WAYS_OUT: Record<string, string> = {
  alora_invocation_tokens:
    "It acts on the tokens after an invocation only, which no merged model can do: train a LoRA adapter without it",
  arrow_config: "It routes between adapters, which no merged model can do: give one of these adapters",
  megatron_config: "Where the base is a model of transformers it has no effect: set it to null",
};

export const loraFile: PeftFile<LoraConfig> = {
  defaults: DEFAULTS,
  ignored: [
    ...["corda_config", "eva_config", "loftq_config", "lora_ga_config", "megatron_core", "qalora_group_size"],
    "merge_weights", // of PEFT before 0.3
  ],
  floats: ["lora_dropout"],
  wayOut: (key) => (Object.hasOwn(WAYS_OUT, key) ? WAYS_OUT[key]! : MERGE),
};

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

/** @throws AttuneError that names settings which PEFT, or attune, does not take together; `where` says whose they are. */
export function checkLoraConfig(config: LoraConfig, where: string): void {
  const faults = contradictions(config);
  if (faults.length > 0)
    throw new AttuneError(
      withProblems(
        { code: "adapters.contradiction", place: where, problem: "some settings contradict each other" },
        faults,
      ),
    );
}

const DECOMPOSED = /^(olora|pissa(_niter_\d+)?)$/;

/** Whether A and B begin as a part of W, which is taken out of it. */
export const isDecomposed = (init: InitLoraWeights | undefined): init is string =>
  typeof init === "string" && DECOMPOSED.test(init);

function contradictions(config: LoraConfig): string[] {
  const { initLoraWeights, useDora } = config;
  const faults = layerSettingFaults(config);
  if (isDecomposed(initLoraWeights) && useDora)
    faults.push(`initLoraWeights ${initLoraWeights} together with useDora is not supported`);
  if (config.targetParameters?.length) faults.push(...parameterFaults(config));
  else if (config.targetModules?.length === 0)
    faults.push("targetModules is empty, and targetParameters names nothing either");
  if (isDecomposed(initLoraWeights) && config.useRslora && (config.rankPattern || config.alphaPattern))
    faults.push(
      `initLoraWeights ${initLoraWeights} together with useRslora and rankPattern or alphaPattern is not supported, as in PEFT`,
    );
  return faults;
}

/** What PEFT has for layers and not for parameters (tuners/lora/layer.py, ParamWrapper). */
function parameterFaults({ dropout, useDora, initLoraWeights: init }: LoraConfig): string[] {
  const without = (what: string) => `targetParameters together with ${what} is not supported, as in PEFT`;
  return [
    ...(dropout > 0 ? [without("dropout")] : []),
    ...(useDora ? [without("useDora")] : []),
    ...(init === "loftq" || isDecomposed(init) ? [without(`initLoraWeights ${init}`)] : []),
  ];
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
  if (faults.length > 0)
    throw new AttuneError(
      withProblems(
        { code: "adapters.wrong-pattern", place: "adapter", problem: "some patterns don't fit the model" },
        faults,
      ),
    );
}

function patternFaults(patterns: Record<string, number>, modules: string[], setting: string): string[] {
  const keys = Object.keys(patterns);
  const faults = keys
    .filter((key) => !modules.some((module) => patternKey([key], module, setting) !== undefined))
    .map((key) => `${setting}: ${key} matches no module that has an adapter`);
  const sorted = [...keys].sort();
  const value = (order: string[], module: string) => patterns[patternKey(order, module, setting)!];
  const ambiguous = modules.find((module) => value(keys, module) !== value(sorted, module));
  if (ambiguous !== undefined)
    faults.push(
      `${setting}: ${ambiguous} matches several keys, and PEFT's files keep them in another order; let one key match`,
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
  if (faults.length > 0)
    throw new AttuneError(
      withProblems(
        { code: "adapters.rank-too-high", place: "adapter", problem: "some ranks are above their matrix's" },
        faults,
      ),
    );
}
