import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { openBase } from "../src/pretrained/base.ts";
import { prepareData } from "../src/run/prepare_data.ts";
import { parseYaml } from "../src/text/yaml.ts";
import { parseRecipe, type Recipe } from "../src/training/recipe.ts";

export const CASES = fileURLToPath(new URL("cases/", import.meta.url));

/** A case's recipe, with the paths in it below `test/cases`, from where it is meant to be run. */
export function caseRecipe(id: string, changes: object = {}): Recipe {
  const recipe = parseYaml(readFileSync(`${CASES}${id}/recipe.yaml`, "utf8"), id) as Record<string, unknown>;
  const here = (path: unknown) => (typeof path === "string" && path.includes("/") ? CASES + path : path);
  const data = (recipe.data as Record<string, unknown>[]).map((entry) => ({
    ...entry,
    path: here(entry.path),
  }));
  return parseRecipe({
    ...recipe,
    model: here(recipe.model),
    template: here(recipe.template),
    data,
    ...changes,
  });
}

export interface PreviewedRow {
  tokens: (string | undefined)[];
  ids: number[];
  /** Places of the trained tokens. */
  labels: number[];
}

/** Rows as `attune data preview` shows them. */
export async function previewRows(recipe: Recipe): Promise<PreviewedRow[]> {
  const base = await openBase(recipe.model, { weights: "optional" });
  const data = await prepareData({ ...recipe, shuffle: false }, base, { now: new Date() });
  try {
    return Array.from({ length: data.train.length }, (_, i) => {
      const { tokens, labelWeights } = data.train.at(i);
      const ids = Array.from(tokens);
      const labels = ids.flatMap((_, at) => (labelWeights[at]! > 0 ? [at] : []));
      return { tokens: ids.map((id) => base.tokenizer.tokenOf(id)), ids, labels };
    });
  } finally {
    data.close();
  }
}

export function expectedRows(id: string): PreviewedRow[] {
  const { rows } = JSON.parse(readFileSync(`${CASES}${id}/expected.json`, "utf8"));
  return rows.map(({ tokens, ids, labels }: PreviewedRow) => ({ tokens, ids, labels }));
}
