import * as z from "zod";
import { presetNames } from "../../run/init/presets.ts";
import { PROPOSED_METHODS } from "../../run/init/propose.ts";
import { AttuneError } from "../../text/errors.ts";
import type { FineTuning } from "../jobs/fine_tuning.ts";
import { namedByOwner } from "../jobs/named_by_owner.ts";
import { type JobPlace, placedRecipe } from "../jobs/own_recipe.ts";

const recipe = z.record(z.string(), z.unknown());
const source = { model: z.string(), training_file: z.string(), validation_file: z.string().optional() };

/** What a job would be, before there is one. */
export const PlanRequest = z.strictObject({ ...source, recipe });
export const CheckRequest = PlanRequest.extend({ rows: z.int().min(0).max(50).default(5) });
export const EstimateRequest = PlanRequest.extend({ measure: z.boolean().default(false) });
export const SuggestRequest = z.strictObject({
  ...source,
  preset: z.enum(presetNames as [string, ...string[]]).default("balanced"),
  method: z.enum(PROPOSED_METHODS).optional(),
  held_out: z.number().min(0).max(0.9).optional(),
  /** As in a recipe's data, where the file's columns have other names. */
  columns: z.record(z.string(), z.string()).optional(),
});
export const RecipeRequest = z.strictObject({ recipe });

type Source = Pick<z.output<typeof PlanRequest>, "model" | "training_file" | "validation_file">;

/** Where files lie that a plan names; its run would be nowhere yet. @throws ApiError */
export async function jobPlaceOf(asked: Source, { files, modelPath }: FineTuning): Promise<JobPlace> {
  const pathOf = async (id: string) => files.contentPath(await files.find(id));
  return {
    model: modelPath(asked.model),
    training: await pathOf(asked.training_file),
    validation: asked.validation_file === undefined ? undefined : await pathOf(asked.validation_file),
    output: "run",
  };
}

export async function plannedRecipe(asked: z.output<typeof PlanRequest>, tuning: FineTuning) {
  return placedRecipe(asked.recipe, await jobPlaceOf(asked, tuning));
}

/** Answers with what `work` gives; what it says of an uploaded file goes by the name that its owner gave it. */
export async function answerByOwnNames(
  asked: Source,
  { files }: FineTuning,
  work: () => Promise<unknown>,
): Promise<Response> {
  const renamed = await namedByOwner(files, [asked.training_file, asked.validation_file]);
  try {
    const json = JSON.stringify(await work(), (_, value) =>
      typeof value === "string" ? renamed(value) : value,
    );
    return new Response(json, { headers: { "content-type": "application/json" } });
  } catch (error) {
    if (!(error instanceof AttuneError)) throw error;
    const { code, message } = error;
    throw new AttuneError({ code, problem: renamed(message) }, { cause: error });
  }
}
