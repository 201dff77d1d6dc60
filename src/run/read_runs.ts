import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { ifThere, readJsonObject } from "../files/json_file.ts";
import type { RunRecord } from "../report/run_record.ts";
import { readRun } from "./read_run.ts";

/**
 * Runs to be compared. The directory of a recipe with stages stands for the runs of its stages.
 * @throws AttuneError when a path is no run's directory.
 */
export async function readRuns(paths: readonly string[]): Promise<RunRecord[]> {
  const records: RunRecord[] = [];
  for (const path of paths) for (const run of await runsAt(path)) records.push(await readRun(run));
  return records;
}

async function runsAt(path: string): Promise<string[]> {
  const recipe = await ifThere(readJsonObject(join(path, "recipe.json")));
  if (!recipe || !("stages" in recipe)) return [path];
  const stages = await readdir(join(path, "stages")).catch(() => []);
  const runs = stages.filter((name) => /^\d+-/.test(name) && !name.endsWith("-base"));
  const byNumber = (a: string, b: string) => Number.parseInt(a, 10) - Number.parseInt(b, 10);
  return runs.length === 0 ? [path] : runs.sort(byNumber).map((name) => join(path, "stages", name));
}
