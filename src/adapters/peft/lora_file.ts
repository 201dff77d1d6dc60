/** adapter_config.json of a LoRA adapter. */
import * as z from "zod";
import { pathKey } from "../../text/json_scan.ts";
import { checkLoraConfig, type LoraConfig } from "../lora/lora_config.ts";
import { common, defined, flag, index, layers, names, number, numbers, off, oneOf } from "./peft_setting.ts";

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

/** Keys that say nothing about what a finished adapter computes: settings of features that are named elsewhere. */
const IGNORED = [
  "corda_config",
  "eva_config",
  "loftq_config",
  "lora_ga_config",
  "megatron_core",
  "merge_weights", // of PEFT before 0.3
  "qalora_group_size",
];

const MERGE =
  "Merge the adapter into its base with PEFT (merge_and_unload, save_pretrained) and use the merged model";

/** What to do about a setting that is not computed here; `MERGE` where nothing is said. */
const WAYS_OUT: Record<string, string> = {
  alora_invocation_tokens:
    "It acts on the tokens after an invocation only, which no merged model can do: train a LoRA adapter without it",
  arrow_config: "It routes between adapters, which no merged model can do: give one of these adapters",
  megatron_config: "Where the base is a model of transformers it has no effect: set it to null",
};

const Config = z.looseObject({
  peft_type: z.literal("LORA"),
  r: number,
  lora_alpha: number,
  lora_dropout: number.default(0),
  ...common,
  exclude_modules: off(names),
  ...layers,
  rank_pattern: off(numbers),
  alpha_pattern: off(numbers),
  use_rslora: off(flag),
  use_dora: off(flag),
  bias: oneOf(["none", "all", "lora_only"]).nullish(),
  ensure_weight_tying: off(flag),
  trainable_token_indices: off(
    z.union([z.array(index), z.record(z.string(), z.array(index))], {
      error: "a list of token ids, or such a list for each name",
    }),
  ),
  // The others (pissa, olora, corda, loftq, lora_ga, …) change the base model, or freeze a half.
  init_lora_weights: z
    .union([z.boolean(), z.enum(["gaussian", "orthogonal", "eva"])], {
      error:
        "a start that leaves the base as it is: save the adapter with PEFT's path_initial_model_for_weight_conversion, which makes it a plain LoRA",
    })
    .nullish(),
});

/** What is off stays out. */
function fromPeft(file: z.output<typeof Config>): LoraConfig {
  return {
    type: "lora",
    r: file.r,
    alpha: file.lora_alpha,
    dropout: file.lora_dropout,
    ...defined({
      targetModules: file.target_modules ?? undefined,
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
      ensureWeightTying: file.ensure_weight_tying,
      initLoraWeights: file.init_lora_weights === true ? undefined : (file.init_lora_weights ?? undefined),
    }),
  };
}

function toPeft(config: LoraConfig): object {
  return {
    alpha_pattern: config.alphaPattern ?? {},
    bias: config.bias ?? "none",
    ensure_weight_tying: config.ensureWeightTying ?? false,
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
    trainable_token_indices: config.trainableTokenIndices ?? null,
    use_dora: config.useDora ?? false,
    use_rslora: config.useRslora ?? false,
  };
}

export const loraFile = {
  Config,
  DEFAULTS,
  IGNORED,
  wayOut: (key: string) => (Object.hasOwn(WAYS_OUT, key) ? WAYS_OUT[key]! : MERGE),
  FLOATS: new Set([pathKey(["lora_dropout"])]),
  fromPeft,
  toPeft,
  check: checkLoraConfig,
};
