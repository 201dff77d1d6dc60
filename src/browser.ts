/**
 * attune where there is no disk: in a browser, best in a Web Worker. Models, rows and adapters come from memory and go
 * there, ONNX Runtime Web computes. The same code runs in Node.
 *
 * ```ts
 * const base = await openBase(await hubFiles("org/name")); // or { "config.json": …, "model.safetensors": …, "tokenizer.json": … }
 * for await (const event of train(base, { data: [{ rows }], adapter: { type: "lora" } }))
 *   if (event.type === "end") save(event.files);
 * ```
 */
import type { Adapter } from "./adapters/adapter.ts";
import { readAdapterFolder } from "./adapters/peft/adapter_files.ts";
import { readBlobRows } from "./data/files/blob_rows.ts";
import type { DataRow } from "./data/files/data_row.ts";
import type { FetchOptions } from "./files/fetch_file.ts";
import { memoryFolder } from "./files/folder.ts";
import { type GivenFile, type GivenFiles, gatherFile, gatherFiles, givenName } from "./files/given_files.ts";
import { type LoadedModel, openLoadedModel } from "./generation/loaded_model.ts";
import { type Base, baseOf } from "./pretrained/base_of.ts";
import { fitModel } from "./pretrained/fit_model.ts";
import { readModelFolder } from "./pretrained/model_folder.ts";
import { memoryTemplate } from "./pretrained/template_plan.ts";
import {
  type MemoryRecipe,
  type MemoryRunOptions,
  type MemoryTrainEvent,
  trainInMemory,
} from "./run/memory_run.ts";
import { pageThreads } from "./run/page_threads.ts";
import { fitsWidened, requireWasmMemory } from "./run/wasm_memory.ts";
import type { Device, OpenSession } from "./runtime/session.ts";
import { openSession as openWebSession } from "./runtime/web.ts";
import { makeTemplate, type Template } from "./templates/template.ts";

export { adapterFiles } from "./adapters/peft/adapter_files.ts";
export type { DataRow } from "./data/files/data_row.ts";
export { type FetchOptions, type FetchProgress, fetchFile } from "./files/fetch_file.ts";
export type { MemoryFiles } from "./files/folder.ts";
export type { DirectoryHandle, FileHandle, GivenFile, GivenFiles } from "./files/given_files.ts";
export type { Completion } from "./generation/completion.ts";
export type { LoadedModel } from "./generation/loaded_model.ts";
export type { AnswerOptions, ChatOptions } from "./generation/talk.ts";
export type { AdapterChoice } from "./generation/variants.ts";
export { type HubFilesOptions, hubFiles } from "./hub/hub_files.ts";
export type { Base } from "./pretrained/base_of.ts";
export { checkData, type RowsCheck } from "./run/memory_check.ts";
export type {
  MemoryEndEvent,
  MemoryRecipe,
  MemoryTrainEvent,
  ResultFiles,
} from "./run/memory_run.ts";
export type { Device, OpenSession, Session } from "./runtime/session.ts";
export { openSession } from "./runtime/web.ts";
export type { Message, Tool } from "./templates/message.ts";
export type { Template } from "./templates/template.ts";
export { AttuneError } from "./text/errors.ts";
export { createTokenizer, type Tokenizer } from "./tokenizers/tokenizer.ts";
export type { CheckpointEvent, EvaluationEvent, StartEvent, StepEvent } from "./training/events.ts";
export { parseRecipe, type Recipe, type RecipeInput, recipeJsonSchema } from "./training/recipe.ts";

export interface OpenBaseOptions extends FetchOptions {
  /** What messages call the model; "model" when left out. */
  name?: string;
  /** "optional" where a config and a tokenizer are enough, to pretrain from. */
  weights?: "required" | "optional";
}

/**
 * Opens a model from its files, by their names in a model directory: config.json, tokenizer.json, model.safetensors (or
 * shards with their index), and what else there is. Each is bytes, text, a File or Blob, a handle, or a URL, which is
 * fetched; a folder's handle and an input's Files will do, too. Of weights that are no bytes only the runtime makes a copy.
 * @throws AttuneError that names the file at fault.
 */
export async function openBase(
  files: GivenFiles,
  { name = "model", weights, ...options }: OpenBaseOptions = {},
): Promise<Base> {
  const folder = memoryFolder(await gatherFiles(files, options), name);
  const directory = await readModelFolder(folder, { weights });
  return baseOf(await fitModel(directory, name), name);
}

/**
 * The rows of a data file: a JSON list, JSONL, CSV, TSV, Parquet or plain text, as the ending of its name says, each of them
 * compressed with gzip or zstd, too. A row that is broken has a problem instead of a value.
 * @param name the file's own when left out
 * @throws AttuneError when it is of another kind, damaged, or can't be had.
 */
export async function* readRows(file: GivenFile, name = givenName(file)): AsyncGenerator<DataRow> {
  const content = await gatherFile(file, name);
  yield* readBlobRows(content instanceof Blob ? content : new Blob([content as BlobPart]), name);
}

export type TrainOptions = Omit<MemoryRunOptions, "openSession" | "adapter"> & {
  /** What opens the graphs that are computed: ONNX Runtime Web when left out. */
  openSession?: OpenSession;
  /** An adapter's files to go on from, in place of the recipe's `adapter`. */
  adapter?: GivenFiles;
};

/**
 * Trains on rows in memory, and tells what happens as it happens; the last event holds the result's files.
 * @throws AttuneError that names key, row or file, and the way out.
 */
export async function* train(
  base: Base,
  recipe: MemoryRecipe,
  { openSession = openWebSession, adapter: files, ...options }: TrainOptions = {},
): AsyncGenerator<MemoryTrainEvent, void, undefined> {
  if (openSession === openWebSession && options.device !== "webgpu") requireWasmMemory(base);
  const adapter = files && (await gatherFiles(files));
  yield* trainInMemory(base, recipe, { openSession, ...options, adapter });
}

export interface LoadModelOptions {
  /** The files of PEFT adapters, by name. The first is in use. */
  adapters?: Readonly<Record<string, GivenFiles>>;
  /** "chat", the model's own where it has one, which is the default, or a built-in one. */
  template?: string;
  /** Gets what is odd and does not stop the work; the console when left out. */
  onWarning?: (text: string) => void;
  openSession?: OpenSession;
  /** "wasm" when left out. */
  device?: Device;
  /** As `pageThreads` chooses when left out. */
  threads?: number;
}

/** Opens a base, and adapters on it, for generation. @throws AttuneError that names the file or setting at fault. */
export async function loadModel(
  base: Base,
  options: LoadModelOptions = {},
): Promise<LoadedModel<GivenFiles>> {
  const { adapters = {}, template: name, onWarning = console.warn, device = "wasm" } = options;
  const { openSession = openWebSession } = options;
  if (openSession === openWebSession && device !== "webgpu") requireWasmMemory(base);
  const threads = pageThreads({ ...options, device });
  const template = async () => makeTemplate(memoryTemplate(base, { name }), base.tokenizer);
  return openLoadedModel({
    base,
    template,
    adapters,
    readAdapter,
    openSession,
    session: { device, threads, foldConstants: device === "webgpu" || fitsWidened(base) },
    onWarning,
  });
}

/**
 * How a base's conversations are written as text: its own template where it has one, or a built-in one by its name.
 * @throws AttuneError when there is none.
 */
export const openTemplate = (base: Base, name?: string): Template =>
  makeTemplate(memoryTemplate(base, { name }), base.tokenizer);

/** An adapter from PEFT's files, adapter_config.json and adapter_model.safetensors. */
export const readAdapter = async (files: GivenFiles): Promise<Adapter> =>
  readAdapterFolder(memoryFolder(await gatherFiles(files), "adapter"));
