import { extname } from "node:path";
import { importDefault, moduleEndings } from "../files/import_module.ts";
import { readTextFile } from "../files/json_file.ts";
import { AttuneError } from "../text/errors.ts";
import { isPlainObject } from "../text/plain_object.ts";
import { parseYaml } from "../text/yaml.ts";
import { parseRecipe, type Recipe } from "../training/recipe.ts";
import { isStaged, parseStages, type StagedRecipeInput } from "../training/staged_recipe.ts";
import { applyOverrides } from "./overrides.ts";

const LIMIT = 2 ** 20; // bytes

/**
 * The recipe in a YAML or JSON file, or the default export of a JavaScript or TypeScript module, with `key=value`
 * overrides put in. Paths in it are relative to the working directory, as on the command line.
 * @throws AttuneError that names the file and every problem in it.
 */
export async function readRecipe(path: string, overrides: readonly string[] = []): Promise<Recipe> {
  const value = applyOverrides(await readRecipeValue(path), overrides);
  refuseSweep(value, path);
  if (isStaged(value)) throw staged(path);
  return parseRecipe(value, path);
}

/** The same, or a recipe of stages as it is written. */
export async function readAnyRecipe(
  path: string,
  overrides: readonly string[] = [],
): Promise<Recipe | StagedRecipeInput> {
  const value = applyOverrides(await readRecipeValue(path), overrides);
  refuseSweep(value, path);
  if (!isStaged(value)) return parseRecipe(value, path);
  parseStages(value, path);
  return value;
}

function refuseSweep(value: unknown, path: string): void {
  if (!isPlainObject(value) || !("sweep" in value)) return;
  throw new AttuneError({
    code: "cli.sweep-recipe",
    place: `${path}: sweep`,
    problem: "it asks for many runs, and this command takes the recipe of one",
    wayOut: `Try its values with attune sweep ${path}, or leave it out: --set sweep=null`,
  });
}

const staged = (place: string) =>
  new AttuneError({
    code: "cli.staged-recipe",
    place,
    problem: "it has stages, and this command takes the recipe of one",
    wayOut: "Give the run's directory, whose last stage is meant, or one of the directories in its stages/",
  });

/** What the file holds, before anything is checked. */
export async function readRecipeValue(path: string): Promise<unknown> {
  const ending = extname(path).toLowerCase();
  // JSON is YAML, and the YAML reader refuses what JSON.parse passes over: a key that is there twice.
  if ([".yaml", ".yml", ".json"].includes(ending)) return parseYaml(await readTextFile(path, LIMIT), path);
  if (moduleEndings.includes(ending)) return importDefault(path, "the recipe: { model: …, … }");
  throw new AttuneError({
    code: "cli.recipe-ending",
    place: path,
    expected: "a recipe as a .yaml, .yml or .json file, or a .ts, .mts, .js or .mjs module",
    got: ending || "no ending",
  });
}
