import { stat } from "node:fs/promises";
import { join } from "node:path";
import { mergeAdapter } from "../export/merge.ts";
import { writeFileAtomic } from "../files/atomic.ts";
import { comparisonPage } from "../report/comparison_page.ts";
import { plural } from "../text/format_number.ts";
import { version } from "../text/version.ts";
import type { EndEvent, TrainEvent } from "../training/events.ts";
import { ALONE } from "../training/ranks.ts";
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
import { lockRun, NO_LOCK, type RunLock } from "./run_lock.ts";
import {
  type FinishedStage,
  readFinished,
  requireStagedDirectory,
  writeFinished,
  writeJsonFile,
} from "./stages_file.ts";
import { type Team, teamOf } from "./team.ts";
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
  const team = teamOf(options.ranks ?? ALONE);
  const stored = storedInput(input);
  await team.requireSame({ version, recipe: { ...stored, output: undefined } }); // the first rank alone writes
  const lock = team.isLeader ? await lockRun(staged.output) : NO_LOCK;
  try {
    yield* lockedStages(staged, stored, { lock, team, options });
  } finally {
    await lock.release();
  }
}

interface Running {
  lock: RunLock;
  team: Team;
  options: TrainOptions;
}

async function* lockedStages(
  staged: StagedRecipe,
  stored: object,
  { lock, team, options }: Running,
): AsyncGenerator<StagedEvent, void, undefined> {
  const { stages, output } = staged;
  const finished = await team.fromLeader(() => openStages(output));
  const data = await team.oncePerMachine(() => checkStages(staged, finished.length, options));
  /** What the first rank alone does, and the others wait for: they read it next. */
  const write = (work: () => Promise<void>) => team.fromLeader(() => lock.write(work));
  await write(() => writeFinished(output, finished));
  await write(() => writeJsonFile(join(output, "recipe.json"), stored));
  let from: StageStart = { model: staged.model };
  for (const [i, stage] of stages.entries()) {
    const recipe = stageRecipe(
      stage,
      await team.fromLeader(() => startOf(stage, from, { lock, options })),
      replayed(stages, i, data),
    );
    const done = i < stages.length - 1 ? finished[i] : undefined;
    if (done) await team.fromLeader(() => requireSameRun(recipe));
    else yield { type: "stage", stage: i + 1, stages: stages.length, name: stage.name, recipe };
    const result = done ?? (yield* runStage(stage, recipe, options));
    if (!result) return;
    finished[i] = result;
    await write(() => writeFinished(output, finished.slice(0, i + 1)));
    if (!done) await write(() => writeReport(output));
    from = nextStart(recipe, result);
  }
}

/** The finished stages. */
async function openStages(output: string): Promise<FinishedStage[]> {
  await requireStagedDirectory(output);
  return readFinished(output);
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
  { lock, options }: Pick<Running, "lock" | "options">,
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
function storedInput(input: StagedRecipeInput): object {
  const without = (key: string, value: unknown) => (key === "rows" ? [] : value);
  return JSON.parse(JSON.stringify(input, without));
}
