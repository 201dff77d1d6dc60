import { type Adapter, checkAdapterFits } from "../adapters/peft.ts";
import { adapterSites } from "../adapters/sites.ts";
import { readAdapterDirectory } from "../checkpoints/adapter_directory.ts";
import { writeDirectoryAtomic } from "../checkpoints/atomic.ts";
import {
  type ModelDirectory,
  openModelDirectory,
  saveModelDirectory,
} from "../checkpoints/model_directory.ts";
import { randomUint32 } from "../data/random.ts";
import { createDecoder, openDecodingSession } from "../generation/decoder.ts";
import { adapterFeeds } from "../generation/runtime_adapter.ts";
import { readModel } from "../models/families.ts";
import type { Model } from "../models/family.ts";
import { checkTensors, modelLayout } from "../models/layout.ts";
import { openSession } from "../runtime/node.ts";
import { mergedTensors, unties } from "./merged_tensors.ts";
import { type LogitsAgreement, requireSameLogits } from "./same_logits.ts";

export interface MergeOptions {
  /** Directories: the base, PEFT's adapter, and where the merged model goes, which must be free or empty. */
  model: string;
  adapter: string;
  output: string;
  /** transformers 4's default, 5 GB, when left out. */
  maxShardBytes?: number;
}

/** What a merge did. */
export interface MergeReport {
  /** Linear layers changed. */
  modules: number;
  /** How close the written model is to base and adapter. */
  agreement: LogitsAgreement;
}

/**
 * Writes base plus adapter as a model of its own, in the base's types, shards and config that transformers loads.
 * The written files are read again and must compute what base and adapter do; otherwise nothing stays of them.
 * @throws AttuneError that names the fault.
 */
export async function mergeAdapter(options: MergeOptions): Promise<MergeReport> {
  const directory = await openModelDirectory(options.model);
  const model = readModel(directory.config);
  checkTensors(model, directory.tensors, options.model);
  const adapter = await readAdapterDirectory(options.adapter);
  checkAdapterFits(adapter, adapterSites(model));
  const config = mergedConfig(directory, model, adapter);
  const merged = readModel(config);

  let agreement: LogitsAgreement | undefined;
  await writeDirectoryAtomic(options.output, async (path) => {
    await writeMerged(path, directory, config, model, adapter, options.maxShardBytes);
    const written = await openModelDirectory(path);
    checkTensors(merged, written.tensors, options.output);
    agreement = requireSameLogits(
      await checkedLogits(model, directory, adapter),
      await checkedLogits(merged, written),
      [...written.tensors.values()].map(({ dtype }) => dtype),
      options.output,
    );
  });
  return { modules: adapter.modules.size, agreement: agreement! };
}

/** A tied output layer that gets a weight of its own is no longer tied. */
function mergedConfig({ config }: ModelDirectory, { tied, ends }: Model, adapter: Adapter) {
  return tied && unties(adapter, ends) ? { ...config, tie_word_embeddings: false } : config;
}

async function writeMerged(
  path: string,
  from: ModelDirectory,
  config: ModelDirectory["config"],
  model: Model,
  adapter: Adapter,
  maxShardBytes?: number,
) {
  const layout = { ...model, transposed: modelLayout(model).transposed };
  const merged = await mergedTensors(from.tensors, adapter, layout, openSession);
  try {
    await saveModelDirectory(path, { config, tensors: merged.tensors, from, maxShardBytes });
  } finally {
    await merged.release();
  }
}

const CHECKED_ROWS = 2;
const CHECKED_TOKENS = 32;

/** Logits of a few rows of arbitrary tokens, one after the other. */
async function checkedLogits(
  model: Model,
  { tensors }: ModelDirectory,
  adapter?: Adapter,
): Promise<Float32Array[]> {
  const session = await openDecodingSession(model, tensors, openSession, { device: "cpu" }, adapter);
  const decoder = createDecoder(session, model.dimensions, adapter && adapterFeeds(adapter));
  const { vocabSize, maxPositions = CHECKED_TOKENS } = model.dimensions;
  const rows: Float32Array[] = [];
  for (let row = 0; row < CHECKED_ROWS; row++) {
    const length = Math.min(CHECKED_TOKENS, maxPositions);
    const tokens = Array.from({ length }, (_, t) => randomUint32(0, "merge check", row, t) % vocabSize);
    rows.push(await decoder.score(tokens));
  }
  await session.release();
  return rows;
}
