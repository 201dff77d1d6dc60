import { proposeRecipe } from "../../run/init/propose.ts";
import { surveyData } from "../../run/init/survey_data.ts";
import { parseRecipe, type RecipeInput } from "../../training/recipe.ts";

/** What a job may say of its training; what is "auto" is as `attune init` would have it. */
export type Hyperparameters = Record<
  "n_epochs" | "batch_size" | "learning_rate_multiplier" | "beta",
  number | "auto"
>;

export interface JobPlan {
  /** The base's directory. */
  model: string;
  training: string;
  validation?: string;
  method: "supervised" | "dpo";
  hyperparameters: Hyperparameters;
  seed: number;
  output: string;
}

/**
 * The recipe of a job: LoRA, as `attune init` proposes it for such data and model, with what the job says of it.
 * @throws AttuneError when the data can't be used.
 */
export async function jobRecipe(plan: JobPlan): Promise<RecipeInput> {
  const { model, training, validation, method, hyperparameters, seed, output } = plan;
  const data = [training];
  const choices = { data, model, preset: "balanced" as const, method: "lora" as const, heldOut: 0, output };
  const { recipe: proposed } = await proposeRecipe(choices, await surveyData(data));
  const { n_epochs, batch_size, learning_rate_multiplier: faster, beta } = hyperparameters;
  const { maxSteps, epochs, ...rest } = proposed.training ?? {};
  const length = n_epochs === "auto" ? { maxSteps, epochs } : { epochs: n_epochs };
  const rate = parseRecipe(proposed).training.learningRate ?? LORA_RATE;
  const recipe: RecipeInput = {
    ...proposed,
    objective: method === "dpo" ? { type: "dpo", ...(beta !== "auto" && { beta }) } : { type: "sft" },
    training: {
      ...rest,
      ...length,
      ...(batch_size !== "auto" && { batchSize: batch_size }),
      ...(faster !== "auto" && { learningRate: rate * faster }),
    },
    ...(validation !== undefined && { evaluation: { path: validation, every: "epoch" } }),
    seed,
  };
  parseRecipe(recipe);
  return JSON.parse(JSON.stringify(recipe));
}

/** The recipe's own, where it names none. */
const LORA_RATE = 2e-4;
