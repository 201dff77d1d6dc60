import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import * as z from "zod";
import { writeFileAtomic } from "../files/atomic.ts";
import { ifThere, readJsonObject } from "../files/json_file.ts";
import { isTemporaryName } from "../files/temporary_name.ts";
import { AttuneError } from "../text/errors.ts";
import { isStageName, stageOutput } from "../training/staged_recipe.ts";
import { LOCK_FILE } from "./run_lock.ts";

/** A stage that was run to its end. */
export interface FinishedStage {
  name: string;
  /** Its run directory. */
  run: string;
  /** The adapter or model that the next stage begins with. */
  result: string;
}

/** In the directory of a recipe of stages: which are finished. */
export const STAGES_FILE = "stages.json";

const file = z.object({
  finished: z.array(
    z.object({ name: z.string().refine(isStageName), result: z.enum(["adapter", "model", "best"]) }),
  ),
});

/**
 * The finished stages, in order, up to the first one whose result is gone.
 * @throws AttuneError when the file is damaged.
 */
export async function readFinished(output: string): Promise<FinishedStage[]> {
  const path = join(output, STAGES_FILE);
  const value = await ifThere(readJsonObject(path));
  if (!value) return [];
  const parsed = file.safeParse(value);
  if (!parsed.success) throw damaged(path);
  const finished: FinishedStage[] = [];
  for (const [i, { name, result }] of parsed.data.finished.entries()) {
    const run = stageOutput(output, i, name);
    if (!(await stat(join(run, result)).catch(() => undefined))) break;
    finished.push({ name, run, result: join(run, result) });
  }
  return finished;
}

export const writeFinished = (output: string, finished: readonly FinishedStage[]): Promise<void> =>
  writeJsonFile(join(output, STAGES_FILE), {
    finished: finished.map(({ name, result }) => ({ name, result: basename(result) })),
  });

export const writeJsonFile = (path: string, value: unknown): Promise<void> =>
  writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`);

/** @throws AttuneError when the directory holds something else than a run of stages. */
export async function requireStagedDirectory(output: string): Promise<void> {
  const files = (await readdir(output)).filter((name) => !isTemporaryName(name) && name !== LOCK_FILE);
  if (files.length === 0 || files.includes(STAGES_FILE)) return;
  throw new AttuneError({
    code: "run.no-stages",
    place: output,
    problem: `the directory is not empty and holds no run of stages (it has ${files.slice(0, 3).join(", ")})`,
    wayOut: "Choose another output",
  });
}

const damaged = (place: string) =>
  new AttuneError({
    code: "run.damaged-stages",
    place,
    expected: "a list finished with the name and result of each stage",
    wayOut:
      'Write { "finished": [] } there: stages are then opened again, and those that are done end at once',
  });
