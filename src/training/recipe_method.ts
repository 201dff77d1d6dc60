import type { Adapter, Parameter } from "../adapters/adapter.ts";
import { configOf } from "../adapters/adapter_schema.ts";
import { fitAdapter } from "../adapters/fit_adapter.ts";
import type { OnModule } from "../adapters/kinds/kind.ts";
import { adapterSites } from "../adapters/targets/sites.ts";
import { readTensor } from "../files/safetensors.ts";
import { initializeWeights } from "../models/initialize.ts";
import { lastLayers } from "../models/last_layers.ts";
import { modelLayout } from "../models/layout.ts";
import { codeType, isCoded } from "../quantization/quantized_entry.ts";
import { randomUniform } from "../random/random.ts";
import { AttuneError } from "../text/errors.ts";
import { loraDropout } from "./dropout_words.ts";
import { type AdapterBase, freshAdapter } from "./fresh_adapter.ts";
import { adapterMethod, dropoutOf, fullMethod, type LoraRates, type Method } from "./method.ts";
import type { Recipe, SettledRecipe } from "./recipe.ts";

/** What a recipe trains of a base. */
export interface RecipeMethod {
  method: Method;
  /** The model before training: the base with its adapter off or, of an adapter that goes on, as it was. */
  reference: Method;
  /** Its start; none where the model's own weights are trained. */
  adapter?: Adapter;
}

export interface RecipeMethodOptions {
  /** Reads the adapter that the run goes on from. Asked twice: training changes the arrays of the one, and not the other. */
  readAdapter?: () => Promise<Adapter>;
  /** Progress callback while an adapter is initialized from the base's weights. */
  onModule?: OnModule;
}

/** @throws AttuneError when the adapter, or what the recipe has it train, doesn't fit the base. */
export async function recipeMethod(
  recipe: SettledRecipe,
  base: AdapterBase,
  { readAdapter, onModule }: RecipeMethodOptions = {},
): Promise<RecipeMethod> {
  const { model, tensors } = base;
  if (!recipe.adapter && !readAdapter) {
    const method = fullMethod(await trainedWeights(base, recipe), tensors);
    return { method, reference: fullMethod(new Map(), tensors) };
  }
  const { embedding } = model.ends;
  const given = readAdapter && (async () => fitAdapter(await readAdapter(), adapterSites(model)));
  const adapter = given ? await given() : await startOf(recipe, base, onModule);
  const dropout = loraDropout(dropoutOf(adapter), recipe.seed);
  const method = adapterMethod(tensors, adapter, dropout, { rates: loraRates(recipe), embedding });
  const reference = given
    ? adapterMethod(tensors, await given(), undefined, { embedding })
    : fullMethod(new Map(), tensors);
  return { method, reference, adapter };
}

function startOf({ adapter, seed }: Recipe, base: AdapterBase, onModule?: OnModule): Promise<Adapter> {
  if (!adapter || "path" in adapter) throw new Error("an adapter with a path is read, not made");
  const uniform = (purpose: string, index: number) => randomUniform(seed, purpose, 0, index);
  return freshAdapter(configOf(adapter), base, uniform, onModule);
}

/** PEFT's create_loraplus_optimizer gives an embedding's term a rate of its own. */
function loraRates({ adapter, training }: SettledRecipe): LoraRates | undefined {
  if (!adapter || !("loraplusLrRatio" in adapter) || adapter.loraplusLrRatio === undefined) return undefined;
  const { loraplusLrRatio, loraplusLrEmbedding = 1e-6 } = adapter;
  return { B: loraplusLrRatio, embedding: loraplusLrEmbedding / training.learningRate };
}

/** The base's weights that are trained, as float32, or fresh ones where it has none. */
async function trainedWeights(base: AdapterBase, recipe: Recipe) {
  const { tensors, model } = base;
  const names = trainedNames(recipe, base);
  if (tensors.size === 0) return initializeWeights(model, recipe.seed);
  const { parameters } = modelLayout(model);
  const weights = new Map<string, Parameter>();
  for (const name of names)
    weights.set(name, {
      shape: parameters.get(name)!,
      data: await readTensor(tensors.get(name)!),
    });
  return weights;
}

/** @throws AttuneError when there are not so many layers, or one can't be trained. */
export function trainedNames(
  { trainableLayers }: Recipe,
  { tensors, model }: Pick<AdapterBase, "tensors" | "model">,
) {
  const { parameters, buffers } = modelLayout(model);
  const all = [...parameters.keys()].filter((name) => !buffers.has(name));
  if (trainableLayers !== undefined && tensors.size === 0)
    throw new AttuneError({
      code: "training.nothing-to-freeze",
      place: "trainableLayers",
      problem: "the setting freezes the other layers, and this model has no weights yet",
    });
  const names = trainableLayers === undefined ? all : lastLayers(all, trainableLayers);
  for (const name of names) {
    const entry = tensors.get(name);
    if (entry && isCoded(entry))
      throw new AttuneError({
        code: "training.quantized-weights",
        place: `${entry.file}: ${name}`,
        problem: `the weight is quantized (${codeType(entry)}), and codes can't be trained`,
        wayOut: "Give an adapter, or a model that isn't quantized",
      });
  }
  return names;
}
