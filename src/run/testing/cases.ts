/** The runs of test/cases, on a model of random weights. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { initializeWeights } from "../../models/initialize.ts";
import { openBase } from "../../pretrained/base.ts";
import { saveModelDirectory } from "../../pretrained/model_directory.ts";
import type { RecipeInput } from "../../training/recipe.ts";

const cases = fileURLToPath(new URL("../../../test/cases/", import.meta.url));

/** `test/cases/NAME/recipe.yaml`, its model with weights at `model`, its run at `output`. */
export async function caseRecipe(
  name: string,
  { model, output }: { model: string; output: string },
  changes: Partial<RecipeInput> = {},
): Promise<RecipeInput> {
  const recipe: RecipeInput = parse(readFileSync(join(cases, name, "recipe.yaml"), "utf8"));
  await writeCaseModel(recipe.model, model);
  const data = recipe.data.map((dataset) => ({ ...dataset, path: join(cases, dataset.path!) }));
  return { ...recipe, model, data, output, ...changes };
}

/** One of `test/cases/models` with weights drawn from `seed`, at `path`. */
export async function writeCaseModel(name: string, path: string, seed = 1): Promise<void> {
  const { directory, model } = await openBase(join(cases, name), { weights: "optional" });
  const weights = [...initializeWeights(model, seed)];
  const tensors = weights.map(([name, { shape, data }]) => ({
    name,
    shape: [...shape],
    dtype: "F32" as const,
    data: () => data,
  }));
  await saveModelDirectory(path, { config: directory.config, tensors, from: directory, replace: true });
}
