import { configOf } from "../adapters/adapter_schema.ts";
import { readAdapterConfig } from "../adapters/peft/adapter_directory.ts";
import type { Base } from "../pretrained/base.ts";
import { defaultRate, givenRate, type LearningRate, type Trained } from "../training/learning_rate.ts";
import type { ObjectiveKind } from "../training/objectives/objective.ts";
import { OBJECTIVES } from "../training/objectives/objectives.ts";
import type { Recipe, SettledRecipe } from "../training/recipe.ts";

/** The recipe with its learning rate: the one it gives, or the one that suits what it trains. */
export async function settleLearningRate(
  recipe: Recipe,
  base: Base,
): Promise<{ recipe: SettledRecipe; learningRate: LearningRate }> {
  const { type } = recipe.objective;
  const byObjective = (OBJECTIVES[type] as ObjectiveKind).learningRate;
  const fallback =
    byObjective === undefined
      ? defaultRate(await trainedIn(recipe, base))
      : { value: byObjective, origin: `${type}'s default, as in TRL` };
  const learningRate = givenRate(recipe.training.learningRate) ?? fallback;
  const training = { ...recipe.training, learningRate: learningRate.value };
  return { recipe: { ...recipe, training }, learningRate };
}

async function trainedIn({ adapter }: Recipe, { directory }: Base): Promise<Trained> {
  if (!adapter) return directory.tensors.size > 0 ? "weights" : "random weights";
  return "path" in adapter ? readAdapterConfig(adapter.path) : configOf(adapter);
}
