import type { AdapterConfig } from "../adapters/adapter.ts";
import { kindOf } from "../adapters/kinds/kinds.ts";
import type { ObjectiveKind } from "./objectives/objective.ts";
import { OBJECTIVES } from "./objectives/objectives.ts";
import type { Recipe, SettledRecipe } from "./recipe.ts";

/** What a run trains, as far as its learning rate depends on it. */
export type Trained = keyof typeof DEFAULTS | AdapterConfig;

/** Highest rates where the recipe gives none, and what the header says of them. */
const DEFAULTS = {
  /** TRL's SFTConfig 1.13, and Stanford Alpaca. */
  weights: { value: 2e-5, origin: "the default for a model's own weights" },
  /** Hugging Face's course, chapter 7.6, for GPT-2's size; nanoGPT has 6e-4. */
  "random weights": { value: 5e-4, origin: "the default for random weights" },
} as const;

export interface LearningRate {
  /** The highest of the run. */
  value: number;
  /** Who says so: "LoRA's default". */
  origin: string;
}

/** What suits what is trained. */
export function defaultRate(trained: Trained): LearningRate {
  if (typeof trained === "string") return DEFAULTS[trained];
  const { learningRate, nameOf } = kindOf({ config: trained });
  return { value: learningRate, origin: `${nameOf(trained)}'s default` };
}

/** What the recipe gives. */
export const givenRate = (given: number | undefined): LearningRate | undefined =>
  given === undefined ? undefined : { value: given, origin: "the recipe's" };

/** The recipe with its learning rate: the one it gives, or the one that suits what it trains. */
export async function settleLearningRate(
  recipe: Recipe,
  trained: () => Trained | Promise<Trained>,
): Promise<{ recipe: SettledRecipe; learningRate: LearningRate }> {
  const { type } = recipe.objective;
  const byObjective = (OBJECTIVES[type] as ObjectiveKind).learningRate;
  const fallback =
    byObjective === undefined
      ? defaultRate(await trained())
      : { value: byObjective, origin: `${type}'s default, as in TRL` };
  const learningRate = givenRate(recipe.training.learningRate) ?? fallback;
  const training = { ...recipe.training, learningRate: learningRate.value };
  return { recipe: { ...recipe, training }, learningRate };
}
