import type { AdapterConfig } from "../adapters/adapter.ts";
import { checkFeedforward, checkIa3Config, type Ia3Config } from "../adapters/ia3.ts";
import { checkRanks } from "../adapters/lora/check_ranks.ts";
import { checkLoraConfig, checkPatterns, type LoraConfig } from "../adapters/lora/lora_config.ts";
import { checkModulesToSave, savedParameters } from "../adapters/targets/modules_to_save.ts";
import { adapterSites, type LayerShape, type Sites, siteShape } from "../adapters/targets/sites.ts";
import { matchAdapter } from "../adapters/targets/target_modules.ts";
import { tokenIndices } from "../adapters/targets/token_rows.ts";
import { checkVeraConfig, type VeraConfig } from "../adapters/vera.ts";
import { AttuneError } from "../errors.ts";
import type { Model } from "../models/family.ts";

/** The settings of a new adapter. (IA)³'s feedforward modules are `down_proj`, where it is targeted, when left out. */
export type FreshConfig =
  | LoraConfig
  | VeraConfig
  | (Omit<Ia3Config, "feedforwardModules"> & Partial<Ia3Config>);

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
  return { config, ...matchSites(config, model) };
}

function planLora(config: LoraConfig, model: Model, { keepsUnquantized }: PlanOptions): AdapterPlan {
  checkLoraConfig(config, "adapter");
  if (config.initLoraWeights === "loftq" && !keepsUnquantized)
    throw new AttuneError(
      "adapter: initLoraWeights loftq begins from what quantization loses: it needs the weights as they were, so give `quantization` and a model that isn't quantized yet.",
    );
  const plan = { config, ...matchSites(config, model) };
  checkPatterns(config, plan.targets);
  checkTokens(config, plan);
  checkRanks(config, adaptedShapes(plan));
  return plan;
}

function planIa3(config: Extract<FreshConfig, { type: "ia3" }>, model: Model): AdapterPlan {
  const { sites, targets } = matchSites(config, model);
  const { feedforwardModules = usualFeedforward(targets) } = config;
  const whole: Ia3Config = { ...config, feedforwardModules };
  checkIa3Config(whole, "adapter");
  checkFeedforward(whole, targets);
  return { config: whole, sites, targets };
}

/** The paper scales keys, values and what the MLP's last layer takes; PEFT names them so for most families. */
const usualFeedforward = (targets: readonly string[]): string[] =>
  targets.some((module) => module.endsWith(".down_proj")) ? ["down_proj"] : [];

/** The modules that `config` means. */
function matchSites(config: FreshConfig, model: Model) {
  const sites = adapterSites(model);
  const ends = config.type === "lora" ? [sites.embedding, sites.head] : [];
  const targets = matchAdapter([...sites.linears.keys()], ends, config);
  checkModulesToSave(config, sites, targets);
  return { sites, targets };
}

function checkTokens(config: LoraConfig, { sites, targets }: Omit<AdapterPlan, "config">): void {
  for (const module of tokenIndices(config, sites).keys()) {
    const whole = savedParameters(config, sites, targets).includes(`${module}.weight`);
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
