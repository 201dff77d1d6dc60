import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { tidyDirectory, writeFileAtomic } from "../files/atomic.ts";
import { diskError } from "../files/disk_error.ts";
import { ifThere, readJsonObject } from "../files/json_file.ts";
import { truncateAfter } from "../files/metrics_file.ts";
import { isTemporaryName } from "../files/temporary_name.ts";
import {
  type Checkpoints,
  readCheckpoints,
  setAside,
  type TrainingCheckpoint,
} from "../files/training_checkpoint.ts";
import { AttuneError } from "../text/errors.ts";
import { excerpt } from "../text/excerpt.ts";
import { type Recipe, storedRecipe } from "../training/recipe.ts";
import { LOCK_FILE } from "./run_lock.ts";

/** Where a run keeps what it makes. */
export interface RunDirectory {
  path: string;
  metrics: string;
  /** Answers of held-out rows, a line for each evaluation. */
  samples: string;
  /** When the run was first started: what a template writes as today's date, also after a resume. */
  startedAt: Date;
  /** The checkpoint to go on from, nothing for a new run. */
  checkpoint?: TrainingCheckpoint;
  /** Of checkpoints that are damaged. */
  warnings: string[];
  /**
   * Writes down whose run this is, sets damaged checkpoints aside and forgets the steps after the one it goes on from.
   * Called when all else is known to be well, so that a failed start leaves everything as it was.
   */
  begin(): Promise<void>;
}

/**
 * The run directory of `recipe`: a new one, or that of an earlier start of the same recipe. It has to be locked.
 * @throws AttuneError when it holds another recipe's run or other files, or cannot be read.
 */
export async function openRunDirectory(recipe: Recipe): Promise<RunDirectory> {
  const path = recipe.output;
  await tidy(path);
  const earlier = await ifThere(readJsonObject(join(path, RECIPE_FILE)));
  if (earlier) requireSameRecipe(earlier, recipe, path);
  else await requireEmpty(path);
  const run = await ifThere(readJsonObject(join(path, RUN_FILE)));
  const startedAt = run ? dateOf(run, join(path, RUN_FILE)) : new Date();
  const metrics = join(path, "metrics.jsonl");
  const samples = join(path, "samples.jsonl");
  const { sound, damaged } = await readCheckpoints(path);
  if (!sound) requireNone(damaged, path);
  return {
    path,
    startedAt,
    metrics,
    samples,
    checkpoint: sound,
    warnings: damaged.map(
      ({ path, problem }) => `${problem}. ${path} is set aside as it is; going on from step ${sound!.step}`,
    ),
    async begin() {
      const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
      if (!run) await writeFileAtomic(join(path, RUN_FILE), json({ startedAt }));
      if (!earlier) await writeFileAtomic(join(path, RECIPE_FILE), json(storedRecipe(recipe)));
      for (const { path } of damaged) await setAside(path);
      for (const file of [metrics, samples]) await truncateAfter(file, sound?.step ?? -1);
    },
  };
}

function requireNone(damaged: Checkpoints["damaged"], path: string): void {
  if (damaged.length === 0) return;
  throw new AttuneError({
    code: "run.no-sound-checkpoint",
    place: path,
    problem: "none of its checkpoints can be read",
    wayOut: `Remove ${join(path, "checkpoints")} to begin again with the first step, or choose another output`,
    faults: damaged.map(({ path, problem }) => ({ code: "run.damaged-checkpoint", place: path, problem })),
  });
}

/** Killed starts of this run leave half-written files, or what they had moved aside. */
async function tidy(path: string): Promise<void> {
  try {
    await tidyDirectory(path, (target) => OWN.includes(target));
  } catch (error) {
    throw diskError(error, "read", path);
  }
}

/** When the run at `path` was first started; now, where nothing tells. */
export async function runStart(path: string): Promise<Date> {
  const file = join(path, RUN_FILE);
  const run = await ifThere(readJsonObject(file));
  return run ? dateOf(run, file) : new Date();
}

function dateOf({ startedAt }: Record<string, unknown>, file: string): Date {
  const date = new Date(String(startedAt));
  if (Number.isFinite(date.getTime())) return date;
  throw new AttuneError({
    code: "run.damaged",
    place: file,
    expected: "startedAt, a date",
    got: excerpt(startedAt),
    wayOut: "Remove the file: the run then dates from today",
  });
}

/** What `attune eval` writes there. */
export const EVALUATION_FILES = ["evaluation.json", "evaluation.md"] as const;

const RECIPE_FILE = "recipe.json";
const RUN_FILE = "run.json";
/** What a run came to so far, and the page that shows it. */
export const SUMMARY_FILE = "summary.json";
export const REPORT_FILE = "report.html";
/** What a run writes into its directory, beside checkpoints, which look after themselves. */
const OWN = [
  ...[RECIPE_FILE, RUN_FILE, SUMMARY_FILE, REPORT_FILE, LOCK_FILE],
  ...["adapter", "model", "best", ...EVALUATION_FILES],
];

/**
 * Checks that the run in the recipe's output is of this recipe.
 * @throws AttuneError that names the keys that differ.
 */
export async function requireSameRun(recipe: Recipe): Promise<void> {
  const { output: path, training } = recipe;
  const earlier = await readJsonObject(join(path, RECIPE_FILE));
  const { learningRate } = (earlier.training ?? {}) as { learningRate?: number };
  requireSameRecipe(earlier, { ...recipe, training: { learningRate, ...withoutUndefined(training) } }, path);
}

/** Left out, the rate is what the run settled on. */
const withoutUndefined = <T extends object>(settings: T): T =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as T;

function requireSameRecipe(earlier: Record<string, unknown>, recipe: Recipe, path: string): void {
  const there = flatten(earlier);
  const here = flatten(storedRecipe(recipe));
  const isOther = (key: string) => there.get(key) !== here.get(key) && !/^tracking(\.|$)/.test(key);
  const keys = [...new Set([...there.keys(), ...here.keys()])].filter(isOther);
  if (keys.length === 0) return;
  const faults = keys.map((key) => ({
    code: "run.other-recipe",
    place: key,
    problem: `${there.get(key) ?? "unset"} there, ${here.get(key) ?? "unset"} here`,
  }));
  throw new AttuneError({
    code: "run.other-recipe",
    place: path,
    problem: "the directory holds the run of another recipe",
    faults,
    wayOut: "Choose another output, or remove that directory",
  });
}

/** Leaves of a JSON value by dotted key, as JSON. */
function flatten(value: unknown, key = ""): Map<string, string> {
  if (typeof value !== "object" || value === null) return new Map([[key, JSON.stringify(value)]]);
  return new Map(
    Object.entries(value).flatMap(([name, part]) => [...flatten(part, key ? `${key}.${name}` : name)]),
  );
}

/** A start that was killed may have left its RUN_FILE: that is as good as empty. */
async function requireEmpty(path: string): Promise<void> {
  const files = (await readdir(path)).filter((file) => !isTemporaryName(file));
  const others = files.filter((file) => file !== RUN_FILE && file !== LOCK_FILE);
  if (others.length === 0) return;
  throw new AttuneError({
    code: "run.not-empty",
    place: path,
    problem: `the directory is not empty and holds no run (it has ${others.slice(0, 3).join(", ")})`,
    wayOut: "Choose another output",
  });
}
