import { type CombineSettings, combineAdapters } from "../adapters/combine/combine_adapters.ts";
import { requireSameStored } from "../adapters/combine/same_stored.ts";
import { fitAdapter } from "../adapters/fit_adapter.ts";
import { type LoraAdapter, requireLora } from "../adapters/kinds/lora.ts";
import { readAdapterDirectory, writeAdapterDirectory } from "../adapters/peft/adapter_directory.ts";
import { adapterSites } from "../adapters/targets/sites.ts";
import { writeDirectoryAtomic } from "../files/atomic.ts";
import { openModel } from "../pretrained/open_model.ts";

export interface CombineDirectoriesOptions extends CombineSettings {
  /** Directories of PEFT adapters, what each counts for, and what messages call it. */
  adapters: readonly { name: string; path: string; weight: number }[];
  /** The base's directory. With it, the adapters' shapes are compared with it instead of their bases' names. */
  model?: string;
  /** Where the combined adapter goes: a new or empty directory. */
  output: string;
}

export interface CombineReport {
  modules: number;
  r: number;
}

/** Writes several adapters as one, as `combineAdapters` makes it. @throws AttuneError that names the fault. */
export async function combineAdapterDirectories(options: CombineDirectoriesOptions): Promise<CombineReport> {
  const { adapters, model, output, ...settings } = options;
  let report: CombineReport | undefined;
  await writeDirectoryAtomic(output, async (path) => {
    const inputs = [];
    for (const { path: from, ...weighed } of adapters)
      inputs.push({ ...weighed, adapter: requireLora(await readAdapterDirectory(from), from, "combined") });
    await requireSameStored(inputs);
    const fitting = model === undefined ? inputs : await fittingInputs(inputs, model);
    const combined = combineAdapters(fitting, settings);
    await writeAdapterDirectory(path, combined);
    report = { modules: combined.modules.size, r: combined.config.r };
  });
  return report!;
}

async function fittingInputs<T extends { adapter: LoraAdapter }>(
  inputs: readonly T[],
  path: string,
): Promise<T[]> {
  const sites = adapterSites((await openModel(path)).model);
  return inputs.map((input) => ({
    ...input,
    adapter: { ...fitAdapter(input.adapter, sites), baseModel: path },
  }));
}
