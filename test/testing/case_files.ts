import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readRecipe } from "../../src/cli/recipe_file.ts";
import type { TokenSequence } from "../../src/data/tokenize/token_sequence.ts";
import { openBase } from "../../src/pretrained/base.ts";
import { prepareData, type RunData } from "../../src/run/prepare_data.ts";
import type { Recipe } from "../../src/training/recipe.ts";

const root = new URL("../cases/", import.meta.url);
export const casePath = (path: string): string => fileURLToPath(new URL(path, root));

/** The recipe of a case, its paths as seen from here. */
export async function readCaseRecipe(id: string): Promise<Recipe> {
  const recipe = await readRecipe(casePath(`${id}/recipe.yaml`));
  const { template } = recipe;
  return {
    ...recipe,
    model: casePath(recipe.model),
    data: recipe.data.map((entry) => ({ ...entry, path: casePath(entry.path!) })),
    ...(template?.endsWith(".jinja") && { template: casePath(template) }),
  };
}

/** What a case says of a row: places of the trained tokens in `labels`. */
export interface ExpectedRow {
  ids: number[];
  labels: number[];
}

export const expectedRows = (id: string): ExpectedRow[] =>
  JSON.parse(readFileSync(casePath(`${id}/expected.json`), "utf8")).rows.map(
    ({ ids, labels }: ExpectedRow) => ({
      ids,
      labels,
    }),
  );

export const rowOf = ({ tokens, labelWeights }: TokenSequence): ExpectedRow => ({
  ids: [...tokens],
  labels: [...tokens.keys()].filter((i) => labelWeights[i] !== 0),
});

/** A case's rows as they are trained. */
export async function prepareCase(id: string): Promise<{ rows: ExpectedRow[]; report: RunData["report"] }> {
  const recipe = await readCaseRecipe(id);
  const data = await prepareData(recipe, await openBase(recipe.model, { weights: "optional" }), {
    now: new Date(),
  });
  const rows = Array.from({ length: data.train.length }, (_, i) => rowOf(data.train.at(i)));
  data.close();
  return { rows, report: data.report };
}
