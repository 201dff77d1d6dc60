import type { Adapter } from "../adapters/adapter.ts";
import { fitAdapter } from "../adapters/fit_adapter.ts";
import { readAdapterDirectory } from "../adapters/peft/adapter_directory.ts";
import { findAdapterDirectory } from "../adapters/peft/find_adapter.ts";
import { adapterSites } from "../adapters/targets/sites.ts";
import { writeDirectoryAtomic } from "../files/atomic.ts";
import { createDecoder, openDecodingSession } from "../generation/decoder.ts";
import { adapterFeeds } from "../generation/runtime_adapter.ts";
import type { Model } from "../models/family.ts";
import { modelLayout, weightsOf } from "../models/layout.ts";
import { type ModelDirectory, saveModelDirectory } from "../pretrained/model_directory.ts";
import { type OpenModel, openModel } from "../pretrained/open_model.ts";
import { requireSameBase } from "../pretrained/same_base.ts";
import { randomUint32 } from "../random/random.ts";
import { openSession as openNodeSession } from "../runtime/node.ts";
import type { OpenSession } from "../runtime/session.ts";
import { mergedTensors, unties } from "./merged_tensors.ts";
import { inverseAdapter, roundingBound } from "./removal.ts";
import { type LogitsAgreement, requireSameLogits } from "./same_logits.ts";
import { spoiledMerge } from "./spoiled_merge.ts";

export interface MergeOptions {
  /** Directories: the base, PEFT's adapter or the run that made it, and where the merged model goes, which must be free or empty. */
  model: string;
  adapter: string;
  output: string;
  /** transformers 4's default, 5 GB, when left out. */
  maxShardBytes?: number;
  /** What opens the graphs that merge and check: ONNX Runtime in Node when left out. */
  openSession?: OpenSession;
  /** Something odd that does not stop the work, such as an adapter made for another copy of the model. */
  onWarning?: (text: string) => void;
}

/** What a merge did. */
export interface MergeReport {
  /** Linear layers changed. */
  modules: number;
  /** How close the written model is to base and adapter. */
  agreement: LogitsAgreement;
}

/**
 * Writes base plus adapter as a model of its own, in the base's types, shards and config that transformers loads; of a
 * quantized base, in the types its weights had before. The written files are read again and must compute what base and
 * adapter do; otherwise nothing stays of them.
 * @throws AttuneError that names the fault.
 */
export async function mergeAdapter(options: MergeOptions): Promise<MergeReport> {
  const { directory, model, adapter, path } = await openBoth(options);
  await requireSameBase(adapter.baseModel, path, directory, options.onWarning);
  const config = mergedConfig(directory, model, adapter);
  const agreement = await writeChecked(options, { directory, model, adapter, config }, async (written) => [
    await checkedLogits({ model, directory }, options, adapter),
    await checkedLogits(written, options),
  ]);
  return { modules: adapter.modules.size, agreement };
}

export interface UnmergeReport extends MergeReport {
  /** No weight is further than this from what it was before the merge: both were rounded. */
  largestError: number;
}

/**
 * Takes an adapter out of a model it was merged into: the base, but for rounding. `model` is the merged one. The written
 * files are read again and must compute with the adapter what the merged model does; otherwise nothing stays of them.
 * @throws AttuneError that names the fault: what the merge replaced, it does not give back.
 */
export async function unmergeAdapter(options: MergeOptions): Promise<UnmergeReport> {
  const { directory, model, adapter } = await openBoth(options);
  const inverse = inverseAdapter(directory, adapter, modelLayout(model).linears, options);
  const { config } = directory;
  const agreement = await writeChecked(
    options,
    { directory, model, adapter: inverse, config },
    async (written) => [
      await checkedLogits({ model, directory }, options),
      await checkedLogits(written, options, adapter),
    ],
  );
  const { directory: written } = await openModel(options.output);
  const largestError = await roundingBound(
    directory,
    written,
    [...adapter.modules.keys()].flatMap((module) => weightsOf(module, model)),
  );
  return { modules: adapter.modules.size, agreement, largestError };
}

/** A model, what is added to it, and the config of what comes out. */
interface Parts {
  directory: ModelDirectory;
  model: Model;
  adapter: Adapter;
  config: ModelDirectory["config"];
}

async function openBoth(options: MergeOptions): Promise<Omit<Parts, "config"> & { path: string }> {
  const { directory, model } = await openModel(options.model);
  const path = await findAdapterDirectory(options.adapter);
  const adapter = fitAdapter(await readAdapterDirectory(path), adapterSites(model));
  return { directory, model, adapter, path };
}

/** Logits as they should be, and as they are. */
type Compare = (written: OpenModel) => Promise<[Float32Array[], Float32Array[]]>;

async function writeChecked(options: MergeOptions, parts: Parts, compare: Compare): Promise<LogitsAgreement> {
  const { output } = options;
  let agreement: LogitsAgreement | undefined;
  await writeDirectoryAtomic(output, async (path) => {
    await writeMerged(path, parts, options);
    const written = await openModel(path);
    const [expected, got] = await compare(written);
    if (![...expected, ...got].every((row) => row.every(Number.isFinite)))
      throw await spoiledMerge(parts.directory, written.directory, output);
    const dtypes = [...written.directory.tensors.values()].map(({ dtype }) => dtype);
    agreement = requireSameLogits(expected, got, dtypes, output);
  });
  return agreement!;
}

/** A tied output layer that gets a weight of its own is no longer tied. */
function mergedConfig(directory: ModelDirectory, { tied, ends }: Model, adapter: Adapter) {
  const { quantization_config: _, ...config } = directory.config;
  return tied && unties(adapter, ends) ? { ...config, tie_word_embeddings: false } : config;
}

async function writeMerged(
  path: string,
  parts: Parts,
  { maxShardBytes, openSession = openNodeSession }: MergeOptions,
): Promise<void> {
  const { directory: from, model, adapter, config } = parts;
  const merged = await mergedTensors(from.tensors, adapter, model, openSession);
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
  { model, directory }: OpenModel,
  { openSession = openNodeSession }: Pick<MergeOptions, "openSession">,
  adapter?: Adapter,
): Promise<Float32Array[]> {
  const { tensors } = directory;
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
