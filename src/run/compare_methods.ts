import { join } from "node:path";
import { writeFileAtomic } from "../files/atomic.ts";
import { comparisonPage } from "../report/comparison_page.ts";
import type { RunRecord } from "../report/run_record.ts";
import { AttuneError } from "../text/errors.ts";
import type { TrainEvent } from "../training/events.ts";
import { parseRecipe, type Recipe, type RecipeInput } from "../training/recipe.ts";
import { type EvaluateOptions, evaluate } from "./evaluate.ts";
import { readRun } from "./read_run.ts";
import { REPORT_FILE, runStart } from "./run_directory.ts";
import { readRunResult } from "./run_result.ts";
import { saveEvaluation } from "./save_evaluation.ts";
import { type TrainOptions, train } from "./train.ts";

/** Ways to tune a model with the same data and the same number of steps. */
export const COMPARED_METHODS = ["lora", "qlora", "full", "single-task"] as const;
export type MethodName = (typeof COMPARED_METHODS)[number];

export interface CompareMethodsOptions extends TrainOptions {
  methods: readonly MethodName[];
  /** Holds a run's directory for each method, and the page. */
  output: string;
  /** Answers at most of each evaluation; of all held-out rows when left out. */
  generate?: number;
  onEvaluation?: EvaluateOptions["onProgress"];
}

export interface MethodEvent {
  type: "method";
  method: MethodName;
  recipe: Recipe;
  /** What comes now; nothing where an earlier start did it all. */
  work: "train" | "evaluate" | "nothing";
}

/**
 * Trains and evaluates a recipe by several methods on one budget of steps; what an earlier start finished is not done again.
 * @returns the runs, in the order of the methods; undefined when it was stopped
 * @throws AttuneError before anything is trained where a method has no sense for the recipe.
 */
export async function* compareMethods(
  input: RecipeInput,
  options: CompareMethodsOptions,
): AsyncGenerator<TrainEvent | MethodEvent, RunRecord[] | undefined> {
  const { methods, output, signal } = options;
  const given = parseRecipe(input);
  for (const method of methods) methodRecipe(given, method, output);
  const runs: RunRecord[] = [];
  let maxSteps = given.training.maxSteps;
  for (const method of inOrder(methods)) {
    const recipe = methodRecipe(given, method, output, maxSteps);
    if (!(await isFinished(recipe.output))) {
      yield { type: "method", method, recipe, work: "train" };
      yield* train(recipe, options);
      if (signal?.aborted) return undefined;
    }
    const run = await readRun(recipe.output);
    maxSteps ??= run.summary?.totalSteps;
    const isMissing = given.evaluation && !run.evaluation;
    yield { type: "method", method, recipe, work: isMissing ? "evaluate" : "nothing" };
    if (isMissing) await evaluateRun(given, recipe, options);
    runs.push(await readRun(recipe.output));
    if (signal?.aborted) return undefined;
  }
  const ordered = methods.map((method) => runs.find(({ path }) => path === join(output, method))!);
  await writeFileAtomic(join(output, REPORT_FILE), comparisonPage(ordered, "Methods on one budget"));
  return ordered;
}

/** The whole data says how many steps there are: a single task has fewer rows. */
const inOrder = (methods: readonly MethodName[]): MethodName[] =>
  [...methods].sort((a, b) => Number(a === "single-task") - Number(b === "single-task"));

async function isFinished(path: string): Promise<boolean> {
  const run = await readRun(path).catch(() => undefined);
  const isOver = run?.summary?.state === "completed" || run?.summary?.state === "early-stopping";
  return isOver && (await readRunResult(path).catch(() => undefined)) !== undefined;
}

/** All results answer what the recipe holds out, and get the same questions. */
async function evaluateRun(
  given: Recipe,
  { output, adapter, quantization }: Recipe,
  { generate, signal, device, threads, onEvaluation }: CompareMethodsOptions,
): Promise<void> {
  const path = join(output, adapter ? "adapter" : "model");
  const evaluation = await evaluate(
    { ...given, quantization, output },
    {
      tuned: adapter ? { adapter: path } : { model: path },
      ...{ generate, signal, device, threads, onProgress: onEvaluation },
      now: await runStart(output),
    },
  );
  await saveEvaluation(output, evaluation);
}

const LORA_OVER_FULL = 10; // LoRA's rate over that of all weights (Schulman 2025, "LoRA Without Regret")

/** @throws AttuneError when the recipe can't be run by this method. */
export function methodRecipe(given: Recipe, method: MethodName, output: string, maxSteps?: number): Recipe {
  const { adapter, quantization, trainableLayers: _, training, data, ...rest } = given;
  const { epochs, ...steps } = training;
  const budget = maxSteps === undefined ? { ...steps, epochs } : { ...steps, maxSteps };
  const run = { ...rest, data, training: budget, output: join(output, method) };
  const lora = adapter ?? { type: "lora" as const, targetModules: "all-linear" };
  if (adapter && "path" in adapter)
    throw unfit(
      method,
      "adapter.path",
      "it goes on from an adapter, which not all methods can",
      "Leave adapter out",
    );
  const rate = training.learningRate;
  const scaled = (by: number) =>
    rate === undefined
      ? run.training
      : { ...run.training, learningRate: Number((rate * by).toPrecision(12)) };
  const forLora = { ...run, adapter: lora, training: scaled(adapter ? 1 : LORA_OVER_FULL) };
  const inputs: Record<MethodName, () => object> = {
    full: () => ({ ...run, training: scaled(adapter ? 1 / LORA_OVER_FULL : 1) }),
    qlora: () => ({ ...forLora, quantization: quantization ?? { type: "nf4" } }),
    lora: () => forLora,
    "single-task": () => {
      requireSingleTask(given);
      return { ...forLora, data: data.slice(0, 1) };
    },
  };
  return parseRecipe(inputs[method]());
}

function requireSingleTask({ data, evaluation }: Recipe): void {
  if (data.length < 2)
    throw unfit(
      "single-task",
      "data",
      "the first entry is the single task, and there is no other",
      "Give each task a data entry of its own, or leave single-task out",
    );
  if (evaluation && evaluation.path === undefined && evaluation.rows === undefined)
    throw unfit(
      "single-task",
      "evaluation",
      "a share of other data would be held out than with all tasks",
      "Name rows of their own: evaluation: { path: held_out.jsonl }",
    );
}

const unfit = (method: MethodName, key: string, problem: string, wayOut: string) =>
  new AttuneError({ code: "run.unfit-method", place: `${method}: recipe: ${key}`, problem, wayOut });
