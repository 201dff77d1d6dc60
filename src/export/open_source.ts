/** What is exported: a model, and the adapter that is to go with it. */
import type { Adapter } from "../adapters/adapter.ts";
import { fitAdapter } from "../adapters/fit_adapter.ts";
import { readAdapterDirectory } from "../adapters/peft/adapter_directory.ts";
import { findAdapterDirectory } from "../adapters/peft/find_adapter.ts";
import { adapterSites } from "../adapters/targets/sites.ts";
import { type Base, openBase } from "../pretrained/base.ts";
import { requireSameBase } from "../pretrained/same_base.ts";
import { type ModelWeights, modelWeights } from "./model_weights.ts";

export interface SourceOptions {
  /** The model's directory. */
  model: string;
  /** A PEFT adapter's directory, or a run's. */
  adapter?: string;
  /** Something odd that does not stop the work. */
  onWarning?: (text: string) => void;
}

export interface ExportSource {
  base: Base;
  adapter?: Adapter;
  /** Where the adapter's files are. */
  adapterPath?: string;
}

/** @throws AttuneError that names the file at fault, or an adapter that is not this model's. */
export async function openSource({ model, adapter: from, onWarning }: SourceOptions): Promise<ExportSource> {
  const base = await openBase(model);
  if (from === undefined) return { base };
  const adapterPath = await findAdapterDirectory(from);
  const adapter = fitAdapter(await readAdapterDirectory(adapterPath), adapterSites(base.model));
  await requireSameBase(adapter.baseModel, adapterPath, base.directory, onWarning);
  return { base, adapter, adapterPath };
}

/** Opens what is exported and its weights, for as long as `use` takes. */
export async function withSource<T>(
  options: SourceOptions,
  use: (source: ExportSource, weights: ModelWeights) => Promise<T>,
): Promise<T> {
  const source = await openSource(options);
  const weights = await modelWeights(source.base, source.adapter);
  try {
    return await use(source, weights);
  } finally {
    await weights.release();
  }
}
