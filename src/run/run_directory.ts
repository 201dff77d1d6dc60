import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { tidyDirectory, writeFileAtomic } from "../files/atomic.ts";
import { diskError, errorCode } from "../files/disk_error.ts";
import { ifThere, readJsonObject } from "../files/json_file.ts";
import { truncateAfter } from "../files/metrics_file.ts";
import { latestCheckpoint } from "../files/training_checkpoint.ts";
import { AttuneError } from "../text/errors.ts";
import type { Recipe } from "../training/recipe.ts";

/** Where a run keeps what it makes. */
export interface RunDirectory {
  path: string;
  metrics: string;
  /** When the run was first started: what a template writes as today's date, also after a resume. */
  startedAt: Date;
  /** The checkpoint to go on from, nothing for a new run. */
  checkpoint?: { step: number; path: string };
  /**
   * Writes down whose run this is, and forgets the steps after the checkpoint. Called when all else is known to be well,
   * so that a failed start leaves everything as it was.
   */
  begin(): Promise<void>;
}

/**
 * The run directory of `recipe`: a new one, or that of an earlier start of the same recipe.
 * @throws AttuneError when it holds another recipe's run or other files, or cannot be read.
 */
export async function openRunDirectory(recipe: Recipe): Promise<RunDirectory> {
  const path = recipe.output;
  const earlier = await ifThere(readJsonObject(join(path, RECIPE_FILE)));
  if (earlier) requireSameRecipe(earlier, recipe, path);
  else await requireEmpty(path);
  const run = await ifThere(readJsonObject(join(path, RUN_FILE)));
  const startedAt = run ? new Date(String(run.startedAt)) : new Date();
  const metrics = join(path, "metrics.jsonl");
  const checkpoint = await latestCheckpoint(path);
  return {
    path,
    startedAt,
    metrics,
    checkpoint,
    async begin() {
      const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
      if (!run) await writeFileAtomic(join(path, RUN_FILE), json({ startedAt }));
      if (!earlier) await writeFileAtomic(join(path, RECIPE_FILE), json(recipe));
      await truncateAfter(metrics, checkpoint?.step ?? 0);
    },
  };
}

const RECIPE_FILE = "recipe.json";
const RUN_FILE = "run.json";

function requireSameRecipe(earlier: Record<string, unknown>, recipe: Recipe, path: string): void {
  const there = flatten(earlier);
  const here = flatten(JSON.parse(JSON.stringify(recipe)));
  const keys = [...new Set([...there.keys(), ...here.keys()])].filter(
    (key) => there.get(key) !== here.get(key),
  );
  if (keys.length === 0) return;
  const differences = keys.map(
    (key) => `  ${key}: ${there.get(key) ?? "unset"} there, ${here.get(key) ?? "unset"} here`,
  );
  throw new AttuneError(
    `${path} holds the run of another recipe:\n${differences.join("\n")}\nChoose another output, or remove that directory.`,
  );
}

/** Leaves of a JSON value by dotted key, as JSON. */
function flatten(value: unknown, key = ""): Map<string, string> {
  if (typeof value !== "object" || value === null) return new Map([[key, JSON.stringify(value)]]);
  return new Map(
    Object.entries(value).flatMap(([name, part]) => [...flatten(part, key ? `${key}.${name}` : name)]),
  );
}

/** A start that was killed may have left its RUN_FILE, whole or half-written: that is as good as empty. */
async function requireEmpty(path: string): Promise<void> {
  const files = await filesOf(path);
  if (files.every((file) => file === RUN_FILE)) return;
  throw new AttuneError(
    `${path} is not empty and holds no run (it has ${files.slice(0, 3).join(", ")}); choose another output`,
  );
}

async function filesOf(path: string): Promise<string[]> {
  try {
    await tidyDirectory(path);
    return await readdir(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw diskError(error, "read", path);
  }
}
