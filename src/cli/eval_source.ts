import { stat } from "node:fs/promises";
import type { Tuned } from "../run/evaluate.ts";
import { runStart } from "../run/run_directory.ts";
import { readRunResult } from "../run/run_result.ts";
import { AttuneError } from "../text/errors.ts";
import { parseRecipe, type Recipe } from "../training/recipe.ts";
import { fetchModel } from "./fetch_model.ts";
import { readRecipe } from "./recipe_file.ts";

/** What is evaluated, and on what. */
export interface EvalSource {
  recipe: Recipe;
  tuned?: Tuned;
  /** The base, where it is now. */
  model?: string;
  /** The run's directory: where the result is written. */
  run?: string;
  now?: Date;
}

export interface EvalFlags {
  model?: string;
  adapter?: string;
  data?: string;
  template?: string;
  set?: string[];
}

/**
 * What the command line gives: a run, whose recipe gives the rest; a recipe, with the run it wrote, if any; or a model and
 * rows.
 * @throws AttuneError that names what is missing.
 */
export async function evalSource(from: string | undefined, flags: EvalFlags): Promise<EvalSource> {
  if (from === undefined) return ofModel(flags);
  const info = await stat(from).catch(() => undefined);
  const source = info?.isFile() ? await ofRecipe(from, flags) : await ofRun(from, flags);
  return { ...source, ...(flags.model !== undefined && { model: await fetchModel(flags.model) }) };
}

async function ofModel({ model, adapter, data, template }: EvalFlags): Promise<EvalSource> {
  if (model === undefined || data === undefined)
    throw new AttuneError({
      code: "cli.nothing-given",
      problem: "there is nothing to evaluate",
      expected: "a run's directory, a recipe, or --model M --data FILE",
    });
  const recipe = parseRecipe({
    model: await fetchModel(model),
    data: [{ path: data }],
    evaluation: { path: data },
    ...(template !== undefined && { template }),
    output: ".",
  });
  return { recipe, ...(adapter !== undefined && { tuned: { adapter: await fetchModel(adapter) } }) };
}

async function ofRun(path: string, flags: EvalFlags): Promise<EvalSource> {
  const result = await readRunResult(path);
  if (!result)
    throw new AttuneError({
      code: "cli.no-run",
      place: path,
      problem: "it is neither a run's directory nor a recipe's file",
      wayOut: "Of a model alone: attune eval --model M --data FILE",
    });
  refuse(flags, ["adapter", "set"], "a run's recipe says it already");
  const { recipe, run } = result;
  return {
    recipe: withFlags(recipe, flags),
    tuned: tunedOf(recipe, result.path),
    run,
    now: await runStart(run),
  };
}

async function ofRecipe(path: string, flags: EvalFlags): Promise<EvalSource> {
  const recipe = await readRecipe(path, flags.set);
  refuse(flags, ["adapter"], "a recipe's own run is evaluated");
  const result = await readRunResult(recipe.output).catch(noResult);
  if (!result) return { recipe: withFlags(recipe, flags) };
  requireSameSplit(recipe, result.recipe, result.run);
  return {
    recipe: withFlags(recipe, flags),
    tuned: tunedOf(result.recipe, result.path),
    run: result.run,
    now: await runStart(result.run),
  };
}

/** A recipe that was not run, or not to its end: its base is evaluated alone. */
function noResult(error: unknown): undefined {
  if (error instanceof AttuneError && error.code === "run.no-result") return undefined;
  throw error;
}

const tunedOf = ({ adapter }: Recipe, path: string): Tuned => (adapter ? { adapter: path } : { model: path });

/** Other rows than those the recipe holds out, and another template. */
function withFlags(recipe: Recipe, { data, template }: EvalFlags): Recipe {
  const { forgetting, scores, maxTokens } = recipe.evaluation ?? {};
  return {
    ...recipe,
    ...(template !== undefined && { template }),
    ...(data !== undefined && { evaluation: { path: data, forgetting, scores, maxTokens } }),
  };
}

function refuse(flags: EvalFlags, names: readonly (keyof EvalFlags)[], why: string): void {
  const given = names.filter((name) => flags[name] !== undefined).map((name) => `--${name}`);
  if (given.length === 0) return;
  throw new AttuneError({
    code: "cli.flag-not-taken",
    place: given.join(", "),
    problem: why,
    wayOut: "Leave it out",
  });
}

/** Rows that the run trained on would be held out otherwise. */
function requireSameSplit(recipe: Recipe, ran: Recipe, run: string): void {
  const split = ({ data, seed, evaluation, template, training, stage, trainOn }: Recipe) => ({
    data,
    seed,
    "evaluation.fraction": evaluation?.fraction,
    "evaluation.clusters": evaluation?.clusters,
    ...(evaluation?.fraction !== undefined && { template, stage, trainOn, maxLength: training.maxLength }),
  });
  const [here, there] = [split(recipe), split(ran)] as Record<string, unknown>[];
  if (here!["evaluation.fraction"] === undefined && here!["evaluation.clusters"] === undefined) return;
  const other = Object.keys({ ...here, ...there }).filter(
    (key) => JSON.stringify(here![key]) !== JSON.stringify(there![key]),
  );
  if (other.length === 0) return;
  throw new AttuneError({
    code: "cli.other-split",
    place: run,
    problem: `it was run with another ${other.join(", ")}, so rows that this recipe holds out may have been trained on`,
    wayOut: `Evaluate the run itself (attune eval ${run}), or give rows that were not trained (--data FILE)`,
  });
}
