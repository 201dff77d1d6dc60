import type { RecipeInput } from "../../training/recipe.ts";
import { parseStages, type StagedRecipeInput, stageRecipe } from "../../training/staged_recipe.ts";
import { type Estimate, type EstimateOptions, estimate } from "./estimate.ts";

/** What the stages of a recipe take, and all of them together. */
export interface StagedEstimate
  extends Pick<
    Estimate,
    "peakMemoryBytes" | "seconds" | "secondsPerStep" | "steps" | "tokens" | "diskBytes" | "fits"
  > {
  stages: (Estimate & { name: string })[];
}

/**
 * Each stage as if it began with the first one's model: what it really begins with isn't there yet, and has the same
 * shapes. Rows that a stage replays aren't counted.
 */
export async function estimateStages(
  input: StagedRecipeInput,
  options: EstimateOptions = {},
): Promise<StagedEstimate> {
  const { stages, model } = parseStages(input);
  const figures: StagedEstimate["stages"] = [];
  for (const stage of stages) {
    const own = await estimate(stageRecipe(stage, { model }) as RecipeInput, options);
    if (stage.replay > 0) own.notes.push("rows that are replayed aren't counted");
    figures.push({ name: stage.name, ...own });
  }
  const sum = (key: "seconds" | "steps" | "tokens" | "diskBytes") =>
    figures.reduce((total, own) => total + own[key], 0);
  return {
    peakMemoryBytes: Math.max(...figures.map(({ peakMemoryBytes }) => peakMemoryBytes)),
    seconds: sum("seconds"),
    secondsPerStep:
      figures.reduce((total, { secondsPerStep, steps }) => total + secondsPerStep * steps, 0) / sum("steps"),
    steps: sum("steps"),
    tokens: sum("tokens"),
    diskBytes: sum("diskBytes"),
    fits: figures.every(({ fits }) => fits),
    stages: figures,
  };
}
