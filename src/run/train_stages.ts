import { stat } from "node:fs/promises";
import { join } from "node:path";
import { mergeAdapter } from "../export/merge.ts";
import { writeFileAtomic } from "../files/atomic.ts";
import { comparisonPage } from "../report/comparison_page.ts";
import { plural } from "../text/format_number.ts";
import type { EndEvent, TrainEvent } from "../training/events.ts";
import type { Recipe } from "../training/recipe.ts";
import {
  parseStages,
  type RecipeStage,
  type StagedRecipe,
  type StagedRecipeInput,
  type StageStart,
  stageRecipe,
} from "../training/staged_recipe.ts";
import { checkStages, type StageData } from "./check_stages.ts";
import { readRuns } from "./read_runs.ts";
import { REPORT_FILE, requireSameRun } from "./run_directory.ts";
import { lockRun, type RunLock } from "./run_lock.ts";
import {
  type FinishedStage,
  readFinished,
  requireStagedDirectory,
  writeFinished,
  writeJsonFile,
} from "./stages_file.ts";
import { type TrainOptions, train } from "./train.ts";

/** A stage begins: its events follow, from its start to its end. */
export interface StageEvent {
  type: "stage";
  /** Counted from 1. */
  stage: number;
  stages: number;
  name: string;
  recipe: Recipe;
}

export type StagedEvent = TrainEvent | StageEvent;

/**
 * Runs the stages of a recipe one after the other, each from the last one's result, below one directory. All of them are
 * checked before the first one trains. The same call later goes on where it was: finished stages are not run again.
 * @throws AttuneError that names stage, file, key and way out.
 */
export async function* trainStages(
  input: StagedRecipeInput,
  options: TrainOptions = {},
): AsyncGenerator<StagedEvent, void, undefined> {
  const staged = parseStages(input);
  const lock = await lockRun(staged.output);
  try {
    yield* lockedStages(staged, input, { lock, options });
  } finally {
    await lock.release();
  }
}

interface Running {
  lock: RunLock;
  options: TrainOptions;
}

async function* lockedStages(
  staged: StagedRecipe,
  input: StagedRecipeInput,
  { lock, options }: Running,
): AsyncGenerator<StagedEvent, void, undefined> {
  const { stages, output } = staged;
  await requireStagedDirectory(output);
  const finished = await readFinished(output);
  const data = await checkStages(staged, finished.length, options);
  await lock.write(() => writeFinished(output, finished));
  await lock.write(() => writeJsonFile(join(output, "recipe.json"), storedInput(input)));
  let from: StageStart = { model: staged.model };
  for (const [i, stage] of stages.entries()) {
    const recipe = stageRecipe(
      stage,
      await startOf(stage, from, { lock, options }),
      replayed(stages, i, data),
    );
    const done = i < stages.length - 1 ? finished[i] : undefined;
    if (done) await requireSameRun(recipe);
    else yield { type: "stage", stage: i + 1, stages: stages.length, name: stage.name, recipe };
    const result = done ?? (yield* runStage(stage, recipe, options));
    if (!result) return;
    finished[i] = result;
    await lock.write(() => writeFinished(output, finished.slice(0, i + 1)));
    if (!done) await lock.write(() => writeReport(output));
    from = nextStart(recipe, result);
  }
}

/** Nothing when the run was stopped. */
async function* runStage(
  { name, output }: RecipeStage,
  recipe: Recipe,
  options: TrainOptions,
): AsyncGenerator<TrainEvent, FinishedStage | undefined> {
  let end: EndEvent | undefined;
  for await (const event of train(recipe, options)) {
    if (event.type === "end") end = event;
    yield event;
  }
  if (!end || end.reason === "stopped") return undefined;
  return { name, run: output, result: end.best?.path ?? end.path };
}

/** An adapter goes on over its base; a model is the next base. */
const nextStart = ({ model, adapter }: Recipe, { result }: FinishedStage): StageStart =>
  adapter ? { model, adapter: result } : { model: result };

/** A stage with settings of its own for an adapter, or for all weights, begins with the earlier adapter merged. */
async function startOf(
  stage: RecipeStage,
  from: StageStart,
  { lock, options }: Running,
): Promise<StageStart> {
  const { model, adapter } = from;
  if (adapter === undefined || !stage.isFresh) return from;
  const output = `${stage.output}-base`;
  const isThere = await stat(output).catch(() => undefined); // a merge is written whole or not at all
  if (!isThere)
    await lock.write(() => mergeAdapter({ model, adapter, output, openSession: options.openSession }));
  return { model: output };
}

/** Entries of earlier stages' data that make up the wanted share of this one's examples. */
function replayed(stages: readonly RecipeStage[], i: number, data: readonly StageData[]): object[] {
  const { replay } = stages[i]!;
  if (replay === 0) return [];
  const earlier = data.slice(0, i).flatMap(({ entries }) => entries);
  const wanted = (data[i]!.examples * replay) / (1 - replay);
  const size = earlier.reduce((sum, { examples }) => sum + examples, 0);
  return earlier.map(({ entry, examples }) => ({
    ...entry,
    weight: undefined,
    maxExamples: Math.max(1, Math.round((wanted * examples) / size)),
  }));
}

/** One page of all stages so far. A page that can't be made is no reason to end a run: each stage has its own. */
async function writeReport(output: string): Promise<void> {
  const runs = await readRuns([output]).catch(() => []);
  if (runs.length > 0)
    await writeFileAtomic(
      join(output, REPORT_FILE),
      comparisonPage(runs, plural(runs.length, "stage"), false),
    );
}

/** Rows from memory are not kept. */
function storedInput(input: StagedRecipeInput): unknown {
  const without = (key: string, value: unknown) => (key === "rows" ? [] : value);
  return JSON.parse(JSON.stringify(input, without));
}
