/** A run without a disk: a model, rows and results in memory. What browsers use; it knows no `node:`. */
import { configOf } from "../adapters/adapter_schema.ts";
import { adapterFiles, readAdapterFolder } from "../adapters/peft/adapter_files.ts";
import { type MemoryFiles, memoryFolder } from "../files/folder.ts";
import { contentBytes, safetensorsContent } from "../files/safetensors.ts";
import { fileNames } from "../models/checkpoint_names.ts";
import { familyOf } from "../models/families.ts";
import type { Base } from "../pretrained/base_of.ts";
import { requireFiniteWeights, spoiledWeight } from "../pretrained/finite_weights.ts";
import type { Device, OpenSession } from "../runtime/session.ts";
import { AttuneError } from "../text/errors.ts";
import { requireComputeDevice } from "../training/compute_device.ts";
import { divideData } from "../training/divide_data.ts";
import type { StartEvent } from "../training/events.ts";
import { settleLearningRate, type Trained } from "../training/learning_rate.ts";
import type { LoopEnd, LoopEvent, LoopPorts } from "../training/loop.ts";
import { openTraining } from "../training/open_training.ts";
import { parseRecipe, type Recipe, type RecipeInput } from "../training/recipe.ts";
import { type RecipeMethod, recipeMethod } from "../training/recipe_method.ts";
import { computeReference } from "../training/reference_values.ts";
import { finishedAdapter } from "../training/trained_adapter.ts";
import { readMemoryCheckpoint, writeMemoryCheckpoint } from "./memory_checkpoint.ts";
import { pageThreads } from "./page_threads.ts";
import { prepareRows } from "./prepare_rows.ts";
import { startEvent } from "./start_event.ts";
import { trainedTensors } from "./trained_tensors.ts";

/** A recipe without what lies on a disk: the model is given opened, rows in `data`, results come back. */
export type MemoryRecipe = Omit<RecipeInput, "model" | "output">;

export interface MemoryRunOptions {
  openSession: OpenSession;
  /** "wasm" when left out. */
  device?: Device;
  /** As `pageThreads` chooses when left out. */
  threads?: number;
  /** An adapter's files to go on from, in place of the recipe's `adapter`. */
  adapter?: MemoryFiles;
  /** Ends the run after the step under way. */
  signal?: AbortSignal;
  /** Takes a checkpoint every `training.saveEvery` steps and at the end, and says where it keeps it. */
  saveCheckpoint?: (checkpoint: Uint8Array, step: number) => Promise<string>;
  /** One of an earlier start of this run, to go on from, bit for bit. */
  checkpoint?: Uint8Array;
  /** Measures more than the held-out loss, whenever that is due. */
  evaluate?: LoopPorts["evaluation"];
  /** Called while answers are computed under the reference model: how many are done, and of how many. */
  onReference?: (done: number, total: number) => void;
}

/** What was trained, as files by name: PEFT's of an adapter, or `model.safetensors`. */
export type ResultFiles = Record<string, Uint8Array>;

export type MemoryEndEvent = Omit<LoopEnd, "best"> & {
  type: "end";
  files: ResultFiles;
  /** Where the held-out loss was lowest, if that was at an earlier step of this start. */
  best?: { step: number; evalLoss: number; files?: ResultFiles };
};

export type MemoryTrainEvent = StartEvent | LoopEvent | MemoryEndEvent;

/**
 * Trains in memory, and tells what happens as it happens; the last event holds the result's files.
 * @throws AttuneError that names key, row or file, and the way out.
 */
export async function* trainInMemory(
  base: Base,
  input: MemoryRecipe,
  options: MemoryRunOptions,
): AsyncGenerator<MemoryTrainEvent, void, undefined> {
  const { openSession, device = "wasm", signal, onReference } = options;
  const given = parseMemoryRecipe(input, base, options);
  await requireComputeDevice(given, device, openSession);
  await requireFiniteWeights(base);
  const adapterFolder = options.adapter && memoryFolder(options.adapter, "adapter");
  const readAdapter = adapterFolder && (() => readAdapterFolder(adapterFolder));
  const trained = async () => (readAdapter ? (await readAdapter()).config : trainedIn(given, base));
  const { recipe, learningRate } = await settleLearningRate(given, trained);
  const { report, stores, heldOut } = await prepareRows(recipe, base, { signal });
  const data = divideData(recipe, stores, heldOut);
  const parts = { ...base, name: base.directory.path, tensors: base.directory.tensors };
  const { method, reference: before, adapter } = await recipeMethod(recipe, parts, { readAdapter });
  const start = options.checkpoint && (await readMemoryCheckpoint(options.checkpoint, recipe, stores));
  const training = await openTraining(
    { recipe, model: base.model, method, reference: before, data },
    openSession,
    { device, threads: pageThreads({ ...options, device }) },
  );
  try {
    const { engine, optimizer, order } = training;
    await start?.restore(method.trainables, optimizer.moments);
    const reference = training.usesReference ? await computeReference(data, engine, onReference) : undefined;
    const from = start?.progress;
    yield {
      ...startEvent({ recipe, base, data: { ...data, report }, method, order, from }),
      learningRate,
      warnings: [],
    };
    const files = () => resultFiles(base, { method, adapter });
    let best: ResultFiles | undefined;
    const { saveCheckpoint } = options;
    const checkpointOf = { recipe, stores, trainables: method.trainables, moments: optimizer.moments };
    const ports: LoopPorts = {
      checkpoint:
        saveCheckpoint &&
        (async (progress) =>
          saveCheckpoint(await writeMemoryCheckpoint(progress, checkpointOf), progress.step)),
      best: async () => {
        best = await files();
      },
      evaluation: options.evaluate,
      spoiledWeight: () => spoiledWeight(base.directory.tensors.values()),
    };
    const end = yield* training.run({ ports, from, signal, reference });
    yield {
      ...end,
      type: "end",
      files: await files(),
      ...(end.best && { best: { ...end.best, files: best } }),
    };
  } finally {
    await training.release();
  }
}

/** @throws AttuneError where the recipe needs a disk. */
export function parseMemoryRecipe(
  input: MemoryRecipe,
  base: Base,
  { adapter }: Pick<MemoryRunOptions, "adapter"> = {},
): Recipe {
  const recipe = parseRecipe({ ...input, model: base.directory.path, output: "memory" });
  const path = recipe.data.findIndex(({ rows }) => !rows);
  if (path >= 0) throw needsDisk(`data.${path}.path`, "Give the rows themselves: data: [{ rows }]");
  const key = NOT_HERE.find((key) => recipe.evaluation?.[key] !== undefined);
  if (key)
    throw needsDisk(
      `evaluation.${key}`,
      "Hold out a fraction or rows; measure more with the option evaluate",
    );
  if (recipe.compute === "int8") throw needsDisk("compute", "Leave it out: float32 is computed here");
  if (recipe.quantization) throw needsDisk("quantization", "Open a model whose files are quantized already");
  if (recipe.adapter && "path" in recipe.adapter)
    throw needsDisk("adapter.path", "Give the adapter's files as the option adapter");
  if (recipe.adapter && adapter)
    throw new AttuneError({
      code: "run.two-adapters",
      place: "recipe: adapter",
      problem: "the option adapter gives one to go on from already",
      wayOut: "Leave one of them out",
    });
  return recipe;
}

/** What of `evaluation` is the command line's. */
const NOT_HERE = ["path", "clusters", "forgetting", "generate", "maxTokens", "scores"] as const;

const needsDisk = (key: string, wayOut: string) =>
  new AttuneError({
    code: "run.needs-disk",
    place: `recipe: ${key}`,
    problem: "it needs a disk, and this run has none",
    wayOut,
  });

function trainedIn({ adapter }: Recipe, { directory }: Base): Trained {
  if (adapter && !("path" in adapter)) return configOf(adapter);
  return directory.tensors.size > 0 ? "weights" : "random weights";
}

async function resultFiles(base: Base, { method, adapter }: Pick<RecipeMethod, "method" | "adapter">) {
  if (adapter) return adapterFiles(finishedAdapter(adapter, method.trainables));
  const family = familyOf(base.directory.config.model_type);
  const tensors = fileNames(trainedTensors(base, method.trainables), family);
  const content = safetensorsContent(tensors, { format: "pt" });
  return { "model.safetensors": await contentBytes(content) };
}
