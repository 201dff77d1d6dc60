import type { AdapterConfig } from "../adapters/adapter.ts";
import { checkFeedforward, checkIa3Config, type Ia3Config } from "../adapters/ia3.ts";
import { checkLoraConfig, checkPatterns, checkRanks, type LoraConfig } from "../adapters/lora/lora_config.ts";
import { withTargets } from "../adapters/targets/default_targets.ts";
import { checkModulesToSave, savedParameters } from "../adapters/targets/modules_to_save.ts";
import { adapterSites, type LayerShape, type Sites, siteShape } from "../adapters/targets/sites.ts";
import { endsIn, matchAdapter } from "../adapters/targets/target_modules.ts";
import { tokenIndices } from "../adapters/targets/token_rows.ts";
import { checkVeraConfig, type VeraConfig } from "../adapters/vera.ts";
import type { Model } from "../models/family.ts";
import { AttuneError } from "../text/errors.ts";

/** The settings of a new adapter. (IA)³'s modules are keys, values and what the MLP's last layer takes, when left out. */
export type FreshConfig =
  | LoraConfig
  | VeraConfig
  | (Omit<Ia3Config, "targetModules" | "feedforwardModules"> & Partial<Ia3Config>);

/** A new adapter's settings, and the modules of a model that they mean. */
export interface AdapterPlan {
  config: AdapterConfig;
  sites: Sites;
  targets: string[];
}

export interface PlanOptions {
  /** The weights are there as they were before they were quantized. */
  keepsUnquantized: boolean;
}

/**
 * Checks the settings of a new adapter against a model, before any weight is read.
 * @throws AttuneError that names every setting that contradicts another, matches nothing or asks for too much.
 */
export function planAdapter(config: FreshConfig, model: Model, options: PlanOptions): AdapterPlan {
  if (config.type === "lora") return planLora(config, model, options);
  if (config.type === "ia3") return planIa3(config, model);
  checkVeraConfig(config, "adapter");
  return { config, ...matchSites(withTargets(config, model.modelType), model) };
}

function planLora(config: LoraConfig, model: Model, { keepsUnquantized }: PlanOptions): AdapterPlan {
  checkLoraConfig(config, "adapter");
  if (config.initLoraWeights === "loftq" && !keepsUnquantized)
    throw new AttuneError(
      "adapter: initLoraWeights loftq begins from what quantization loses: it needs the weights as they were, so give `quantization` and a model that isn't quantized yet.",
    );
  const plan = { config, ...matchSites(withTargets(config, model.modelType), model) };
  checkPatterns(config, plan.targets);
  checkTokens(config, plan);
  checkRanks(config, adaptedShapes(plan));
  return plan;
}

/**
 * What the model's files keep in another form than transformers 5 does: PEFT would not find there what is trained here.
 * @throws AttuneError that says which.
 */
function checkNames(config: FreshConfig, sites: Sites, targets: string[]): void {
  const trained = [
    ...targets.map((module) => `${module}.weight`),
    ...savedParameters(config, sites, targets),
  ];
  const other = trained.find((name) =>
    /^embed_out\.|\.(block_sparse_moe|experts)\.|\.mlp\.gate\./.test(name),
  );
  if (other === undefined) return;
  const what = other.startsWith("embed_out") ? "this output layer" : "experts and their router";
  throw new AttuneError(
    `adapter: ${other} can't be trained: transformers 5 keeps ${what} in another form than the model's files, where PEFT would not find it.`,
  );
}

function planIa3(config: Extract<FreshConfig, { type: "ia3" }>, model: Model): AdapterPlan {
  const usual = usualIa3([...adapterSites(model).linears.keys()]);
  const { targetModules = [...usual.attention, ...usual.feedforward] } = config;
  const { sites, targets } = matchSites({ ...config, targetModules }, model);
  const isTargeted = (ending: string) => targets.some(endsIn(ending));
  const { feedforwardModules = usual.feedforward.filter(isTargeted) } = config;
  const whole: Ia3Config = { ...config, targetModules, feedforwardModules };
  checkIa3Config(whole, "adapter");
  checkFeedforward(whole, targets);
  return { config: whole, sites, targets };
}

/** What the paper scales: keys and values, or all of a fused projection, and what the MLP's last layer takes. */
function usualIa3(linears: readonly string[]) {
  const isThere = (ending: string) => linears.some(endsIn(ending));
  const first = (choices: string[][]) => choices.find((endings) => endings.every(isThere)) ?? [];
  return {
    attention: first([["k_proj", "v_proj"], ["query_key_value"], ["qkv_proj"], ["c_attn"]]),
    feedforward: first([["down_proj"], ["dense_4h_to_h"], ["mlp.c_proj"]]),
  };
}

/** The modules that `config` means. */
function matchSites(config: FreshConfig & { targetModules: string[] | string }, model: Model) {
  const sites = adapterSites(model);
  const ends = config.type === "lora" ? [sites.embedding, sites.head] : [];
  const targets = matchAdapter([...sites.linears.keys()], ends, config);
  checkModulesToSave(config, sites, targets);
  checkNames(config, sites, targets);
  return { sites, targets };
}

function checkTokens(config: LoraConfig, { sites, targets }: Omit<AdapterPlan, "config">): void {
  const saved = savedParameters(config, sites, targets);
  const rows = tokenIndices(config, sites);
  if (sites.tied && rows.has(sites.head))
    throw new AttuneError(
      `trainableTokenIndices: the output layer ${sites.head} shares the embedding's weight; name ${sites.embedding}, it follows.`,
    );
  const isHeadTrained = targets.includes(sites.head) || saved.includes(`${sites.head}.weight`);
  if (config.trainableTokenIndices !== undefined && sites.tied && isHeadTrained)
    throw new AttuneError(
      `adapter: trainableTokenIndices and ${sites.head}: the output layer shares the embedding's weight and follows its rows; leave one out.`,
    );
  for (const module of rows.keys()) {
    const whole = saved.includes(`${module}.weight`);
    if (targets.includes(module) || whole)
      throw new AttuneError(
        `adapter: trainableTokenIndices trains rows of ${module}, which ${whole ? "modulesToSave trains whole" : "has a low-rank term"}; leave one out.`,
      );
  }
}

/** The shapes of the modules that get an adapter. */
export const adaptedShapes = ({ sites, targets }: Omit<AdapterPlan, "config">) =>
  new Map(targets.map((module) => [module, shapeOf(sites, module)]));

function shapeOf(sites: Sites, module: string): LayerShape & { embedding?: boolean } {
  const shape = siteShape(sites, module)!;
  return module === sites.embedding ? { ...shape, embedding: true } : shape;
}
