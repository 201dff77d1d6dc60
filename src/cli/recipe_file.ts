import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { readTextFile } from "../files/json_file.ts";
import { AttuneError } from "../text/errors.ts";
import { parseYaml } from "../text/yaml.ts";
import { parseRecipe, type Recipe } from "../training/recipe.ts";
import { applyOverrides } from "./overrides.ts";

const LIMIT = 2 ** 20; // bytes

/**
 * The recipe in a YAML or JSON file, or the default export of a JavaScript or TypeScript module, with `key=value`
 * overrides put in. Paths in it are relative to the working directory, as on the command line.
 * @throws AttuneError that names the file and every problem in it.
 */
export async function readRecipe(path: string, overrides: readonly string[] = []): Promise<Recipe> {
  const value = await readValue(path);
  return parseRecipe(applyOverrides(value, overrides), path);
}

async function readValue(path: string): Promise<unknown> {
  const ending = extname(path).toLowerCase();
  // JSON is YAML, and the YAML reader refuses what JSON.parse passes over: a key that is there twice.
  if ([".yaml", ".yml", ".json"].includes(ending)) return parseYaml(await readTextFile(path, LIMIT), path);
  if ([".js", ".mjs", ".ts", ".mts"].includes(ending)) return importDefault(path);
  throw new AttuneError({
    code: "cli.recipe-ending",
    place: path,
    expected: "a recipe as a .yaml, .yml or .json file, or a .ts, .mts, .js or .mjs module",
    got: ending || "no ending",
  });
}

async function importDefault(path: string): Promise<unknown> {
  await readTextFile(path, LIMIT); // says what is wrong with the file, if anything
  const module = await import(pathToFileURL(resolve(path)).href).catch((error) => {
    throw importError(path, error);
  });
  if (module.default !== undefined) return module.default;
  throw new AttuneError({
    code: "cli.recipe-export",
    place: path,
    expected: "the recipe as the default export",
    got: Object.keys(module).join(", ") || "nothing",
    wayOut: "Write export default { model: …, … }",
  });
}

function importError(path: string, error: unknown): AttuneError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ERR_UNKNOWN_FILE_EXTENSION")
    return new AttuneError({
      code: "cli.recipe-typescript",
      place: path,
      problem: `Node ${process.versions.node} can't read TypeScript; Node 22.18 and later can`,
      wayOut: "Write the recipe as .mjs, .yaml or .json, or update Node",
    });
  return new AttuneError(
    { code: "cli.recipe-module", place: path, problem: `${message ?? error}` },
    { cause: error },
  );
}
