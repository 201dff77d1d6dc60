import { createHash } from "node:crypto";
import { initializeLora } from "../adapters/initialize.ts";
import { checkLoraConfig } from "../adapters/lora_config.ts";
import { type Adapter, checkAdapterFits } from "../adapters/peft.ts";
import { matchTargetModules } from "../adapters/target_modules.ts";
import { readAdapterDirectory } from "../checkpoints/adapter_directory.ts";
import { readTensor } from "../checkpoints/safetensors.ts";
import { describeOrigin, type Example, type UnusableRow } from "../data/example.ts";
import { type PreparationReport, prepareExamples } from "../data/prepare_examples.ts";
import { randomUniform } from "../data/random.ts";
import { sequencesInMemory } from "../data/sequence_store.ts";
import { splitSequences } from "../data/split.ts";
import type { TokenSequence } from "../data/token_sequence.ts";
import { readDataset } from "../datasets/read_dataset.ts";
import { AttuneError } from "../errors.ts";
import { type Base, openTemplate } from "../models/base.ts";
import { initializeWeights } from "../models/initialize.ts";
import { modelLayout } from "../models/layout.ts";
import { loraDropout } from "./dropout_words.ts";
import { fullMethod, loraMethod, type Method } from "./method.ts";
import type { Recipe } from "./recipe.ts";
import { type SaveResult, saveAdapter, saveModel } from "./saving.ts";

export interface RunData {
  train: TokenSequence[];
  evaluation: TokenSequence[];
  report: PreparationReport;
  /** Of everything the data became: rows, template, tokenizer and length together. */
  hash: string;
}

/** Reads, renders, tokenizes and splits the recipe's data. `now` is today for templates that write the date. */
export async function prepareData(recipe: Recipe, base: Base, now: Date): Promise<RunData> {
  const examples = [];
  for (const { path, format } of recipe.data)
    for await (const example of readDataset({ path, format })) examples.push(usable(example));
  const template = await openTemplate(base, { name: recipe.template, now });
  const { maxLength } = recipe.training;
  const { sequences, report } = prepareExamples(examples, {
    tokenizer: base.tokenizer,
    template,
    maxLength,
    stage: recipe.stage,
  });
  const split = recipe.evaluation
    ? splitInMemory(sequences, { fraction: recipe.evaluation.fraction, seed: recipe.seed })
    : { train: sequences, evaluation: [] };
  return { ...split, report, hash: hashOf(sequences) };
}

function usable(row: Example | UnusableRow): Example {
  if (row.kind === "unusable") throw new AttuneError(`${describeOrigin(row.origin)}: ${row.reason}`);
  return row;
}

function splitInMemory(sequences: TokenSequence[], options: { fraction: number; seed: number }) {
  const { train, evaluation } = splitSequences(sequencesInMemory(sequences), options);
  const sequencesOf = (side: Uint32Array) => Array.from(side, (i) => sequences[i]!);
  return { train: sequencesOf(train), evaluation: sequencesOf(evaluation) };
}

function hashOf(sequences: readonly TokenSequence[]): string {
  const hash = createHash("sha256");
  for (const { tokens, labelWeights } of sequences) {
    hash.update(String(tokens.length));
    hash.update(new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength));
    hash.update(new Uint8Array(labelWeights.buffer, labelWeights.byteOffset, labelWeights.byteLength));
  }
  return hash.digest("hex");
}

/** What is trained, where its result goes, and how it is written. */
export interface RunMethod {
  method: Method;
  save: SaveResult;
  /** Name of the result's directory in the run's. */
  result: "adapter" | "model";
}

export async function chooseMethod(recipe: Recipe, base: Base): Promise<RunMethod> {
  if (!recipe.adapter) {
    const method = fullMethod(await allWeights(base, recipe.seed));
    return { method, save: saveModel(base, method.trainables), result: "model" };
  }
  const adapter = await openAdapter(recipe, base);
  const dropout = loraDropout(adapter.config.dropout, recipe.seed);
  const method = loraMethod(base.directory.tensors, adapter, dropout);
  return { method, save: saveAdapter(adapter, method.trainables), result: "adapter" };
}

async function openAdapter(recipe: Recipe, { model }: Base): Promise<Adapter> {
  const { linears } = modelLayout(model);
  const settings = recipe.adapter!;
  if ("path" in settings) {
    const adapter = await readAdapterDirectory(settings.path);
    checkAdapterFits(adapter, linears);
    return adapter;
  }
  checkLoraConfig(settings, "adapter");
  const targets = matchTargetModules([...linears.keys()], settings.targetModules);
  const shapes = new Map(targets.map((module) => [module, linears.get(module)!]));
  const uniform = (purpose: string, index: number) => randomUniform(recipe.seed, purpose, 0, index);
  return { config: settings, baseModel: recipe.model, modules: initializeLora(shapes, settings, uniform) };
}

/** The base's weights as float32, or fresh ones where it has none. */
async function allWeights({ directory, model }: Base, seed: number) {
  if (directory.tensors.size === 0) return initializeWeights(model, seed);
  const weights = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, shape] of modelLayout(model).parameters)
    weights.set(name, { shape, data: await readTensor(directory.tensors.get(name)!) });
  return weights;
}
