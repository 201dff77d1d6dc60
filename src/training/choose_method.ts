import { type Adapter, checkAdapterFits } from "../adapters/peft.ts";
import { adapterSites } from "../adapters/sites.ts";
import { readAdapterDirectory } from "../checkpoints/adapter_directory.ts";
import { readTensor } from "../checkpoints/safetensors.ts";
import { randomUniform } from "../data/random.ts";
import type { Base } from "../models/base.ts";
import { initializeWeights } from "../models/initialize.ts";
import { modelLayout } from "../models/layout.ts";
import { loraDropout } from "./dropout_words.ts";
import { freshAdapter } from "./fresh_adapter.ts";
import { fullMethod, type LoraRates, loraMethod, type Method } from "./method.ts";
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
    const method = fullMethod(await allWeights(base, recipe.seed));
    return { method, save: saveModel(base, method.trainables), result: "model" };
  }
  const adapter = await openAdapter(recipe, base);
  const dropout = loraDropout(adapter.config.dropout, recipe.seed);
  const options = { rates: loraRates(recipe), embedding: base.model.ends.embedding };
  const method = loraMethod(base.directory.tensors, adapter, dropout, options);
  return { method, save: saveAdapter(adapter, method.trainables), result: "adapter" };
}

async function openAdapter(recipe: Recipe, { model, directory }: Base): Promise<Adapter> {
  const settings = recipe.adapter!;
  if ("path" in settings) {
    const adapter = await readAdapterDirectory(settings.path);
    checkAdapterFits(adapter, adapterSites(model));
    return adapter;
  }
  const { loraplusLrRatio: _, loraplusLrEmbedding: __, ...config } = settings;
  const uniform = (purpose: string, index: number) => randomUniform(recipe.seed, purpose, 0, index);
  return freshAdapter(config, recipe.model, model, directory.tensors, uniform);
}

/** PEFT's create_loraplus_optimizer gives an embedding's term a rate of its own. */
function loraRates({ adapter, training }: Recipe): LoraRates | undefined {
  const { loraplusLrRatio, loraplusLrEmbedding = 1e-6 } = adapter!;
  if (loraplusLrRatio === undefined) return undefined;
  return { B: loraplusLrRatio, embedding: loraplusLrEmbedding / training.learningRate };
}

/** The base's weights as float32, or fresh ones where it has none. */
async function allWeights({ directory, model }: Base, seed: number) {
  if (directory.tensors.size === 0) return initializeWeights(model, seed);
  const weights = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, shape] of modelLayout(model).parameters)
    weights.set(name, { shape, data: await readTensor(directory.tensors.get(name)!) });
  return weights;
}
