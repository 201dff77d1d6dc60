import { configOf } from "../adapters/adapter_schema.ts";
import { readAdapterConfig } from "../adapters/peft/adapter_directory.ts";
import type { Base } from "../pretrained/base.ts";
import type { Trained } from "../training/learning_rate.ts";
import type { Recipe } from "../training/recipe.ts";

/** What a recipe trains, as far as its learning rate depends on it. */
export async function trainedIn({ adapter }: Recipe, { directory }: Base): Promise<Trained> {
  if (!adapter) return directory.tensors.size > 0 ? "weights" : "random weights";
  return "path" in adapter ? readAdapterConfig(adapter.path) : configOf(adapter);
}
