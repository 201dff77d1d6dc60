import type { Adapter } from "../adapters/adapter.ts";
import { fitAdapter } from "../adapters/fit_adapter.ts";
import { adapterSites } from "../adapters/sites.ts";
import { readAdapterDirectory } from "../checkpoints/adapter_directory.ts";
import { readTensor } from "../checkpoints/safetensors.ts";
import { randomUniform } from "../data/random.ts";
import { AttuneError } from "../errors.ts";
import type { Base } from "../models/base.ts";
import { initializeWeights } from "../models/initialize.ts";
import { lastLayers } from "../models/last_layers.ts";
import { modelLayout } from "../models/layout.ts";
import { isQuantized } from "../quantization/quantized_entry.ts";
import { loraDropout } from "./dropout_words.ts";
import { type FreshConfig, freshAdapter } from "./fresh_adapter.ts";
import { adapterMethod, dropoutOf, fullMethod, type LoraRates, type Method } from "./method.ts";
import type { Recipe } from "./recipe.ts";
import { type SaveResult, saveAdapter, saveModel } from "./saving.ts";

/** What is trained, where its result goes, and how it is written. */
export interface RunMethod {
  method: Method;
  save: SaveResult;
  /** Name of the result's directory in the run's. */
  result: "adapter" | "model";
}

export async function chooseMethod(recipe: Recipe, base: Base): Promise<RunMethod> {
  if (!recipe.adapter) {
    const method = fullMethod(await trainedWeights(base, recipe), base.directory.tensors);
    return { method, save: saveModel(base, method.trainables), result: "model" };
  }
  const adapter = await openAdapter(recipe, base);
  const dropout = loraDropout(dropoutOf(adapter), recipe.seed);
  const options = { rates: loraRates(recipe), embedding: base.model.ends.embedding };
  const method = adapterMethod(base.directory.tensors, adapter, dropout, options);
  return { method, save: saveAdapter(adapter, method.trainables), result: "adapter" };
}

async function openAdapter(recipe: Recipe, { model, directory, unquantized }: Base): Promise<Adapter> {
  const settings = recipe.adapter!;
  if ("path" in settings) return fitAdapter(await readAdapterDirectory(settings.path), adapterSites(model));
  const base = { name: recipe.model, model, tensors: directory.tensors, unquantized };
  const uniform = (purpose: string, index: number) => randomUniform(recipe.seed, purpose, 0, index);
  return freshAdapter(configOf(settings), base, uniform);
}

type FreshSettings = Exclude<NonNullable<Recipe["adapter"]>, { path: string }>;

/** Without the optimizer's settings. */
function configOf(settings: FreshSettings): FreshConfig {
  if (settings.type !== "lora") return settings;
  const { loraplusLrRatio: _, loraplusLrEmbedding: __, ...config } = settings;
  return config;
}

/** PEFT's create_loraplus_optimizer gives an embedding's term a rate of its own. */
function loraRates({ adapter, training }: Recipe): LoraRates | undefined {
  if (!adapter || !("loraplusLrRatio" in adapter) || adapter.loraplusLrRatio === undefined) return undefined;
  const { loraplusLrRatio, loraplusLrEmbedding = 1e-6 } = adapter;
  return { B: loraplusLrRatio, embedding: loraplusLrEmbedding / training.learningRate };
}

/** The base's weights that are trained, as float32, or fresh ones where it has none. */
async function trainedWeights({ directory, model }: Base, { seed, trainableLayers }: Recipe) {
  const { parameters } = modelLayout(model);
  const names =
    trainableLayers === undefined ? [...parameters.keys()] : lastLayers(parameters.keys(), trainableLayers);
  if (directory.tensors.size === 0) {
    if (trainableLayers !== undefined)
      throw new AttuneError("trainableLayers freezes the other layers, and this model has no weights yet");
    return initializeWeights(model, seed);
  }
  const weights = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const name of names) {
    const entry = directory.tensors.get(name)!;
    if (isQuantized(entry))
      throw new AttuneError(
        `${entry.file}: ${name} is quantized (${entry.parts.type}), and codes can't be trained: give an adapter, or a model that isn't quantized`,
      );
    weights.set(name, { shape: parameters.get(name)!, data: await readTensor(entry) });
  }
  return weights;
}
