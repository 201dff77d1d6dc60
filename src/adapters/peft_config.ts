/** adapter_config.json of PEFT (0.21), both ways. */
import * as z from "zod";
import { excerpt } from "../checkpoints/excerpt.ts";
import { pathKey } from "../checkpoints/json_scan.ts";
import { pythonJson } from "../checkpoints/python_json.ts";
import { AttuneError } from "../errors.ts";
import { checkLoraConfig, type LoraConfig } from "./lora_config.ts";

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

/** Keys that say nothing about what a finished adapter computes: provenance, and settings of features named elsewhere. */
const IGNORED = new Set([
  "auto_mapping",
  "corda_config",
  "eva_config",
  "inference_mode",
  "loftq_config",
  "lora_ga_config",
  "megatron_core",
  "peft_version",
  "qalora_group_size",
  "revision",
  "runtime_config",
]);

const names = z.union([z.array(z.string()).min(1), z.string()]);
const index = z.int().nonnegative();

const Config = z.looseObject({
  peft_type: z.literal("LORA", "only LoRA adapters are supported"),
  r: z.number(),
  lora_alpha: z.number(),
  lora_dropout: z.number().default(0),
  target_modules: names,
  base_model_name_or_path: z.string().nullish(),
  task_type: z.enum(["CAUSAL_LM"]).nullish(),
  exclude_modules: off(names),
  layers_to_transform: off(z.union([z.array(index), index])),
  layers_pattern: off(names),
  rank_pattern: off(z.record(z.string(), z.number())),
  alpha_pattern: off(z.record(z.string(), z.number())),
  fan_in_fan_out: off(z.boolean()),
  use_rslora: off(z.boolean()),
  use_dora: off(z.boolean()),
  bias: z.enum(["none", "all", "lora_only"]).nullish(),
  modules_to_save: off(z.array(z.string())),
  trainable_token_indices: off(z.union([z.array(index), z.record(z.string(), z.array(index))])),
  // The others (pissa, olora, corda, loftq, lora_ga, …) change the base model, or freeze a half.
  init_lora_weights: z
    .union([z.boolean(), z.enum(["gaussian", "orthogonal", "eva"])], {
      error: ({ input }) =>
        `${JSON.stringify(input)} changes the base model: save the adapter with PEFT's path_initial_model_for_weight_conversion, as a plain LoRA`,
    })
    .default(true),
});

/** A setting that PEFT writes as null, false or empty when it is off: then it is undefined here. */
function off<T extends z.ZodType>(setting: T) {
  return z.preprocess((value) => (isOff(value) && value !== 0 ? undefined : value), setting.optional());
}

/**
 * `config` is adapter_config.json as parsed, `where` its path.
 * @throws AttuneError that names every setting which changes the computation and is not supported here, keys unknown to
 *   PEFT 0.21 too, unless it is off.
 */
export function parsePeftConfig(
  config: Record<string, unknown>,
  where: string,
): { config: LoraConfig; baseModel?: string } {
  const parsed = Config.safeParse(config);
  const faults = config.peft_type === "LORA" ? unsupported(config) : [];
  if (!parsed.success) faults.push(z.prettifyError(parsed.error));
  if (!parsed.success || faults.length > 0) {
    throw new AttuneError(`${where}: this adapter uses what is not supported:\n${faults.join("\n")}`);
  }
  const lora = fromPeft(parsed.data);
  checkLoraConfig(lora, where);
  return { config: lora, baseModel: parsed.data.base_model_name_or_path ?? undefined };
}

/** What is off stays out. */
function fromPeft(file: z.output<typeof Config>): LoraConfig {
  const own = {
    excludeModules: file.exclude_modules,
    layersToTransform: file.layers_to_transform,
    layersPattern: file.layers_pattern,
    rankPattern: file.rank_pattern,
    alphaPattern: file.alpha_pattern,
    fanInFanOut: file.fan_in_fan_out,
    useRslora: file.use_rslora,
    useDora: file.use_dora,
    bias: file.bias === "none" ? undefined : (file.bias ?? undefined),
    modulesToSave: file.modules_to_save,
    trainableTokenIndices: file.trainable_token_indices,
    initLoraWeights: file.init_lora_weights === true ? undefined : file.init_lora_weights,
  };
  return {
    type: "lora",
    r: file.r,
    alpha: file.lora_alpha,
    dropout: file.lora_dropout,
    targetModules: file.target_modules,
    ...Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined)),
  };
}

/** The features in use, a line each; those that {@link Config} judges aside. */
function unsupported(config: Record<string, unknown>): string[] {
  const judged = new Set([...Object.keys(Config.shape), ...IGNORED]);
  const inUse = Object.entries(config).filter(([key, value]) => !judged.has(key) && !isOff(value));
  return inUse.map(([key, value]) => {
    const unknown = Object.hasOwn(DEFAULTS, key) ? "" : " (unknown to PEFT 0.21)";
    return `✖ ${key}: ${excerpt(value)}${unknown}`;
  });
}

/** null, false, 0, and empty lists and objects: how PEFT writes a feature that is not used. */
function isOff(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return !value;
}

/** The text of adapter_config.json, byte for byte as PEFT writes it for `targetModules` in this order. */
export function formatPeftConfig(
  config: LoraConfig,
  targetModules: string[] | string,
  baseModel?: string,
): string {
  const fields = {
    ...DEFAULTS,
    alpha_pattern: config.alphaPattern ?? {},
    base_model_name_or_path: baseModel ?? null,
    bias: config.bias ?? "none",
    exclude_modules: config.excludeModules ?? null,
    fan_in_fan_out: config.fanInFanOut ?? false,
    init_lora_weights: config.initLoraWeights ?? true,
    layers_pattern: config.layersPattern ?? null,
    layers_to_transform: config.layersToTransform ?? null,
    lora_alpha: config.alpha,
    lora_dropout: config.dropout,
    modules_to_save: config.modulesToSave ?? null,
    r: config.r,
    rank_pattern: config.rankPattern ?? {},
    target_modules: targetModules,
    trainable_token_indices: config.trainableTokenIndices ?? null,
    use_dora: config.useDora ?? false,
    use_rslora: config.useRslora ?? false,
  };
  return pythonJson(fields, new Set([pathKey(["lora_dropout"])]));
}
