import type { Adapter } from "../adapters/adapter.ts";
import { configOf } from "../adapters/adapter_schema.ts";
import { fitAdapter } from "../adapters/fit_adapter.ts";
import type { OnModule } from "../adapters/kinds/kind.ts";
import { readAdapterDirectory } from "../adapters/peft/adapter_directory.ts";
import { findAdapterDirectory } from "../adapters/peft/find_adapter.ts";
import { planAdapter } from "../adapters/plan_adapter.ts";
import { adapterSites } from "../adapters/targets/sites.ts";
import type { Base } from "../pretrained/base.ts";
import { requireSameBase } from "../pretrained/same_base.ts";
import { adapterMethod, type Method } from "../training/method.ts";
import type { Recipe, SettledRecipe } from "../training/recipe.ts";
import { recipeMethod, trainedNames } from "../training/recipe_method.ts";
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
  if (!adapter) trainedNames(recipe, { model, tensors: directory.tensors });
  else if ("path" in adapter) {
    const path = await findAdapterDirectory(adapter.path);
    const { baseModel } = fitAdapter(await readAdapterDirectory(path), adapterSites(model));
    await requireSameBase(baseModel, path, directory, onWarning);
  } else planAdapter(configOf(adapter), model, { keepsUnquantized: quantization !== undefined });
}

/** @param onModule progress callback while an adapter is initialized from the base's weights */
export async function chooseMethod(
  recipe: SettledRecipe,
  base: Base,
  onModule?: OnModule,
): Promise<RunMethod> {
  const { model, directory, unquantized } = base;
  const parts = { name: recipe.model, model, tensors: directory.tensors, unquantized };
  const from = recipe.adapter && "path" in recipe.adapter ? recipe.adapter.path : undefined;
  const readAdapter = from === undefined ? undefined : () => readAdapterDirectory(from);
  const { method, reference, adapter } = await recipeMethod(recipe, parts, { readAdapter, onModule });
  const { trainables } = method;
  return adapter
    ? { method, reference, save: saveAdapter(adapter, trainables), result: "adapter" }
    : { method, reference, save: saveModel(base, trainables), result: "model" };
}

/** An adapter as it was saved, over its base. */
export function savedAdapterMethod(adapter: Adapter, { directory, model }: Base): Method {
  const fitted = fitAdapter(adapter, adapterSites(model));
  return adapterMethod(directory.tensors, fitted, undefined, { embedding: model.ends.embedding });
}
