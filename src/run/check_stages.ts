import type { HubOptions } from "../hub/options.ts";
import { type Base, openBase } from "../pretrained/base.ts";
import { AttuneError, withPlace } from "../text/errors.ts";
import type { Recipe } from "../training/recipe.ts";
import { type RecipeStage, type StagedRecipe, stageRecipe } from "../training/staged_recipe.ts";
import { checkMethod } from "./choose_method.ts";
import { prepareData } from "./prepare_data.ts";
import type { TrainOptions } from "./train.ts";

/** What a stage has to train on, without replay. */
export interface StageData {
  examples: number;
  entries: { entry: object; examples: number }[];
}

/**
 * Checks what all stages train and what they train on, before the first one begins: their data is read and tokenized,
 * and found again in the cache when they are run.
 * @throws AttuneError that names the stage and what is wrong with it.
 */
export async function checkStages(
  staged: StagedRecipe,
  finished: number,
  { signal, onDownload, onRows }: TrainOptions,
): Promise<StageData[]> {
  const hub: HubOptions = { signal, onProgress: onDownload };
  const base = await openBase(staged.model, { weights: "optional", hub });
  const wantsReplay = staged.stages.some(({ replay }) => replay > 0);
  const checked: StageData[] = [];
  for (const [i, stage] of staged.stages.entries()) {
    const isWanted = i >= finished || wantsReplay;
    checked.push(
      isWanted ? await checkStage(stage, base, { model: staged.model, hub, signal, onRows }) : NONE,
    );
  }
  for (const [i, stage] of staged.stages.entries()) if (stage.replay > 0) requireReplayable(staged.stages, i);
  return checked;
}

const NONE: StageData = { examples: 0, entries: [] };

interface Checking extends Pick<TrainOptions, "signal" | "onRows"> {
  model: string;
  hub: HubOptions;
}

async function checkStage(
  stage: RecipeStage,
  base: Base,
  { model, hub, signal, onRows }: Checking,
): Promise<StageData> {
  try {
    const recipe = stageRecipe(stage, { model });
    await checkMethod(recipe, base);
    return recipe.data.every(isReadTwice) ? await countExamples(recipe, base, { hub, signal, onRows }) : NONE;
  } catch (error) {
    throw error instanceof AttuneError && !error.message.startsWith(stage.place)
      ? withPlace(error, stage.place)
      : error;
  }
}

/** Standard input and iterables are read once: by the stage itself. */
const isReadTwice = ({ path, rows }: Recipe["data"][number]) => (rows ? Array.isArray(rows) : path !== "-");

async function countExamples(
  recipe: Recipe,
  base: Base,
  { hub, signal, onRows }: Omit<Checking, "model">,
): Promise<StageData> {
  const now = new Date();
  const data = await prepareData(recipe, base, { now, hub, signal, strict: "unusable", progress: onRows });
  try {
    const entries = recipe.data.map((entry, i) => ({ entry, examples: data.datasets[i]?.size ?? 0 }));
    return { examples: data.train.length / data.branches, entries };
  } finally {
    data.close();
  }
}

/** Examples of a step are of one kind. */
function requireReplayable(stages: readonly RecipeStage[], i: number): void {
  const { place, settings } = stages[i]!;
  const earlier = stages.slice(0, i);
  const objectiveOf = ({ settings }: RecipeStage) =>
    (settings.objective as { type?: string } | undefined)?.type ?? "sft";
  const fail = (problem: string, wayOut: string) => {
    throw new AttuneError({ code: "run.no-replay", place: `${place}: replay`, problem, wayOut });
  };
  const other = earlier.find((stage) => objectiveOf(stage) !== objectiveOf(stages[i]!));
  if (other)
    fail(
      `${other.name} learns by ${objectiveOf(other)}, this stage by ${objectiveOf(stages[i]!)}: their examples can't share a step`,
      "Leave replay out here",
    );
  if (settings.stage === "pretrain" && earlier.some(({ settings }) => settings.stage !== "pretrain"))
    fail("stage pretrain learns from raw text alone", "Set stage: instruct, which learns from both");
  const read = [...earlier, stages[i]!].flatMap(({ settings }) => settings.data as Recipe["data"]);
  if (!read.every(isReadTwice))
    fail(
      "standard input and iterables are read once, so that their examples can't be counted before",
      "Give files, or lists",
    );
}
