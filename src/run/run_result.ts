import { readdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { ifThere, readJsonObject } from "../files/json_file.ts";
import { AttuneError } from "../text/errors.ts";
import { parseRecipe, type Recipe } from "../training/recipe.ts";
import { readFinished, STAGES_FILE } from "./stages_file.ts";

/** What a run has made, and the recipe that says what belongs to it: base, template, quantization. */
export interface RunResult {
  /** The run's directory. */
  run: string;
  recipe: Recipe;
  /** The directory of an adapter, or of a model where the recipe has none. */
  path: string;
}

/**
 * The result of a run: `path` is the run's directory, whose final result it is, or one result in it, such as its `best/`.
 * @returns undefined when `path` is neither.
 * @throws AttuneError when the run has no result, or its recipe can't be read.
 */
export async function readRunResult(path: string): Promise<RunResult | undefined> {
  const files = await filesOf(path);
  if (files.includes(STAGES_FILE)) return resultOfStages(path);
  if (files.includes("recipe.json")) return finalResult(path, files);
  const run = dirname(resolve(path));
  if (!RESULTS.includes(basename(resolve(path))) || !files.some((file) => CONFIGS.includes(file)))
    return undefined;
  const recipe = await ifThere(readJsonObject(join(run, "recipe.json")));
  return recipe && { run: dirname(path), recipe: parseRecipe(recipe, join(run, "recipe.json")), path };
}

/** The template that a run's result is talked to with: none where it learned from raw text. */
export const templateOfRun = ({ stage, template }: Recipe): string | undefined =>
  stage === "pretrain" ? "none" : template;

const RESULTS = ["adapter", "model", "best"];
const CONFIGS = ["adapter_config.json", "config.json"];

async function finalResult(run: string, files: readonly string[]): Promise<RunResult> {
  const file = join(run, "recipe.json");
  const recipe = parseRecipe(await readJsonObject(file), file);
  const name = recipe.adapter ? "adapter" : "model";
  if (files.includes(name)) return { run, recipe, path: join(run, name) };
  const other = resolve(recipe.output) !== resolve(run) && (await filesOf(recipe.output)).includes(name);
  throw new AttuneError({
    code: "run.no-result",
    place: run,
    problem: `the run has no ${name}/ yet`,
    wayOut: other
      ? `Its recipe writes to ${recipe.output}: give that directory`
      : "Run its recipe to the end first",
  });
}

/** Of a recipe of stages: what the last of those that are finished has made. */
async function resultOfStages(run: string): Promise<RunResult> {
  const [last] = (await readFinished(run)).slice(-1);
  if (last) return { ...(await finalResult(last.run, await filesOf(last.run))), path: last.result };
  throw new AttuneError({
    code: "run.no-result",
    place: run,
    problem: "none of its stages is finished",
    wayOut: "Run its recipe to the end first",
  });
}

const filesOf = (path: string): Promise<string[]> => readdir(path).catch(() => []);
