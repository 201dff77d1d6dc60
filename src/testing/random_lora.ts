import type { LoraAdapter } from "../adapters/kinds/lora.ts";
import type { LoraConfig } from "../adapters/lora/lora_config.ts";
import { initializeLora } from "../adapters/lora/lora_start.ts";
import { writeAdapterDirectory } from "../adapters/peft/adapter_directory.ts";
import { adaptedShapes, adapterSites } from "../adapters/targets/sites.ts";
import { matchTargetModules } from "../adapters/targets/target_modules.ts";
import type { Model } from "../models/family.ts";
import { openBase } from "../pretrained/base.ts";
import { randomUniform } from "../random/random.ts";

export type RandomLora = Partial<Omit<LoraConfig, "type">> & { seed: number };

/** A LoRA adapter whose terms are all random: what it answers is no sense, but its own. */
export function randomLora(model: Model, { seed, ...settings }: RandomLora): LoraAdapter {
  const sites = adapterSites(model);
  const config: LoraConfig = {
    ...{ type: "lora", r: 8, alpha: 16, dropout: 0, targetModules: "all-linear" },
    ...settings,
  };
  const targets = matchTargetModules([...sites.linears.keys()], config.targetModules!);
  const start = { ...config, initLoraWeights: false };
  const uniform = (purpose: string, index: number) => randomUniform(seed, purpose, 0, index);
  return { config, modules: initializeLora(adaptedShapes(sites, targets), start, uniform) };
}

/** The same in a directory of its own. */
export async function writeRandomLora(base: string, to: string, wanted: RandomLora): Promise<string> {
  await writeAdapterDirectory(to, randomLora((await openBase(base)).model, wanted));
  return to;
}
