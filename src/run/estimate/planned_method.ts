import { asLora } from "../../adapters/lora/as_lora.ts";
import { isDecomposed, type LoraConfig } from "../../adapters/lora/lora_config.ts";
import { readAdapterDirectory } from "../../adapters/peft/adapter_directory.ts";
import { torchDtype } from "../../files/dtype.ts";
import type { TensorEntry } from "../../files/safetensors.ts";
import { byteLength } from "../../files/safetensors_header.ts";
import { modelLayout } from "../../models/layout.ts";
import type { Base } from "../../pretrained/base.ts";
import { fullMethod, type Method } from "../../training/method.ts";
import type { Recipe, SettledRecipe } from "../../training/recipe.ts";
import type { RecipeMethod } from "../../training/recipe_method.ts";
import { recipeMethod, trainedNames } from "../../training/recipe_method.ts";

/** What a recipe trains, as far as shapes tell: no weight of the base is read for it unless its adapter begins with them. */
export async function plannedMethod(
  recipe: SettledRecipe,
  base: Base,
): Promise<Pick<RecipeMethod, "method" | "adapter">> {
  const { model, directory, unquantized } = base;
  if (!recipe.adapter) return { method: plannedWeights(recipe, base) };
  const from = "path" in recipe.adapter ? recipe.adapter.path : undefined;
  const readAdapter = from === undefined ? undefined : () => readAdapterDirectory(from);
  const parts = { name: recipe.model, model, tensors: directory.tensors, unquantized };
  return recipeMethod(withPlainStart(recipe), parts, { readAdapter });
}

const NONE = new Float32Array(0);

function plannedWeights(recipe: Recipe, { model, directory: { tensors } }: Base): Method {
  const { parameters } = modelLayout(model);
  const names = trainedNames(recipe, { model, tensors });
  return fullMethod(
    new Map(names.map((name) => [name, { shape: parameters.get(name)!, data: NONE }])),
    tensors,
  );
}

/** A start that takes the base's weights apart takes minutes, and has the shapes of one that doesn't. */
function withPlainStart(recipe: SettledRecipe): SettledRecipe {
  const adapter = asLora(recipe.adapter);
  const init = adapter && (adapter as { initLoraWeights?: LoraConfig["initLoraWeights"] }).initLoraWeights;
  if (init === undefined || !(init === "loftq" || isDecomposed(init))) return recipe;
  return { ...recipe, adapter: { ...adapter, initLoraWeights: true } as typeof adapter };
}

/** The base with entries for weights that aren't here yet: their names, types and shapes. */
export function withPlannedWeights(base: Base): Base {
  const { config } = base.directory;
  const dtype = torchDtype(config.dtype ?? config.torch_dtype) ?? "BF16";
  const { parameters } = modelLayout(base.model);
  const tensors = new Map<string, TensorEntry>();
  for (const [name, shape] of parameters) {
    const length = byteLength(dtype, shape, name);
    const entry = {
      name,
      dtype,
      shape: [...shape],
      file: `${name}, not downloaded`,
      offset: 0,
      byteLength: length,
    };
    tensors.set(name, { ...entry, source: { open: notHere } as never });
  }
  return { ...base, directory: { ...base.directory, tensors } };
}

const notHere = (): never => {
  throw new Error("the weights aren't downloaded");
};
