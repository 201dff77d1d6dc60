import type { Adapter, Parameter } from "../adapters/adapter.ts";
import { configOf } from "../adapters/adapter_schema.ts";
import { fitAdapter } from "../adapters/fit_adapter.ts";
import type { OnModule } from "../adapters/kinds/kind.ts";
import { readAdapterDirectory } from "../adapters/peft/adapter_directory.ts";
import { findAdapterDirectory } from "../adapters/peft/find_adapter.ts";
import { planAdapter } from "../adapters/plan_adapter.ts";
import { adapterSites } from "../adapters/targets/sites.ts";
import { readTensor } from "../files/safetensors.ts";
import type { Model } from "../models/family.ts";
import { initializeWeights } from "../models/initialize.ts";
import { lastLayers } from "../models/last_layers.ts";
import { modelLayout } from "../models/layout.ts";
import type { Base } from "../pretrained/base.ts";
import { requireSameBase } from "../pretrained/same_base.ts";
import { isQuantized } from "../quantization/quantized_entry.ts";
import { randomUniform } from "../random/random.ts";
import { AttuneError } from "../text/errors.ts";
import { loraDropout } from "../training/dropout_words.ts";
import { freshAdapter } from "../training/fresh_adapter.ts";
import { adapterMethod, dropoutOf, fullMethod, type LoraRates, type Method } from "../training/method.ts";
import type { Recipe, SettledRecipe } from "../training/recipe.ts";
import { type SaveResult, saveAdapter, saveModel } from "./saving.ts";
import { requireTrainingMemory } from "./training_memory.ts";

/** What is trained, where its result goes, and how it is written. */
export interface RunMethod {
  method: Method;
  /** The model before training: the base with its adapter off or, of an adapter that goes on, as it was. */
  reference: Method;
  save: SaveResult;
  /** Name of the result's directory in the run's. */
  result: "adapter" | "model";
}

/**
 * Checks what is to be trained against the base, before any weight is read.
 * @throws AttuneError that names the setting, or the adapter, at fault.
 */
export async function checkMethod(
  recipe: Recipe,
  { model, directory }: Base,
  onWarning?: (text: string) => void,
): Promise<void> {
  const { adapter, quantization } = recipe;
  if (directory.tensors.size === 0) requireTrainingMemory(model, recipe.model);
  if (!adapter) trainedNames(recipe, { model, directory });
  else if ("path" in adapter) {
    const path = await findAdapterDirectory(adapter.path);
    const { baseModel } = await readFitting(path, model);
    await requireSameBase(baseModel, path, directory, onWarning);
  } else planAdapter(configOf(adapter), model, { keepsUnquantized: quantization !== undefined });
}

/** @param onModule hears how far the start of an adapter is that depends on the base's weights */
export async function chooseMethod(
  recipe: SettledRecipe,
  base: Base,
  onModule?: OnModule,
): Promise<RunMethod> {
  if (!recipe.adapter) {
    const method = fullMethod(await trainedWeights(base, recipe), base.directory.tensors);
    const save = saveModel(base, method.trainables);
    return { method, reference: await referenceMethod(recipe, base), save, result: "model" };
  }
  const adapter = await openAdapter(recipe, base, onModule);
  const dropout = loraDropout(dropoutOf(adapter), recipe.seed);
  const options = { rates: loraRates(recipe), embedding: base.model.ends.embedding };
  const method = adapterMethod(base.directory.tensors, adapter, dropout, options);
  const save = saveAdapter(adapter, method.trainables);
  return { method, reference: await referenceMethod(recipe, base), save, result: "adapter" };
}

/** Its arrays are its own: training changes those of the method. */
async function referenceMethod({ adapter }: Recipe, { directory, model }: Base): Promise<Method> {
  if (!adapter || !("path" in adapter)) return fullMethod(new Map(), directory.tensors);
  return adapterMethod(directory.tensors, await readFitting(adapter.path, model), undefined, {
    embedding: model.ends.embedding,
  });
}

async function openAdapter(
  recipe: Recipe,
  { model, directory, unquantized }: Base,
  onModule?: OnModule,
): Promise<Adapter> {
  const settings = recipe.adapter!;
  if ("path" in settings) return readFitting(settings.path, model);
  const base = { name: recipe.model, model, tensors: directory.tensors, unquantized };
  const uniform = (purpose: string, index: number) => randomUniform(recipe.seed, purpose, 0, index);
  return freshAdapter(configOf(settings), base, uniform, onModule);
}

const readFitting = async (path: string, model: Model): Promise<Adapter> =>
  fitAdapter(await readAdapterDirectory(path), adapterSites(model));

/** PEFT's create_loraplus_optimizer gives an embedding's term a rate of its own. */
function loraRates({ adapter, training }: SettledRecipe): LoraRates | undefined {
  if (!adapter || !("loraplusLrRatio" in adapter) || adapter.loraplusLrRatio === undefined) return undefined;
  const { loraplusLrRatio, loraplusLrEmbedding = 1e-6 } = adapter;
  return { B: loraplusLrRatio, embedding: loraplusLrEmbedding / training.learningRate };
}

/** The base's weights that are trained, as float32, or fresh ones where it has none. */
async function trainedWeights(base: Base, recipe: Recipe) {
  const { directory, model } = base;
  const names = trainedNames(recipe, base);
  if (directory.tensors.size === 0) return initializeWeights(model, recipe.seed);
  const { parameters } = modelLayout(model);
  const weights = new Map<string, Parameter>();
  for (const name of names)
    weights.set(name, {
      shape: parameters.get(name)!,
      data: await readTensor(directory.tensors.get(name)!),
    });
  return weights;
}

/** @throws AttuneError when there are not so many layers, or one can't be trained. */
function trainedNames({ trainableLayers }: Recipe, { directory, model }: Pick<Base, "directory" | "model">) {
  const all = modelLayout(model).parameters.keys();
  if (trainableLayers !== undefined && directory.tensors.size === 0)
    throw new AttuneError("trainableLayers freezes the other layers, and this model has no weights yet");
  const names = trainableLayers === undefined ? [...all] : lastLayers(all, trainableLayers);
  for (const name of names) {
    const entry = directory.tensors.get(name);
    if (entry && isQuantized(entry))
      throw new AttuneError(
        `${entry.file}: ${name} is quantized (${entry.parts.type}), and codes can't be trained: give an adapter, or a model that isn't quantized`,
      );
  }
  return names;
}
