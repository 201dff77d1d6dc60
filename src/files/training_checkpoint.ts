/**
 * Training checkpoints: `checkpoints/step-N/` of a run directory, each with the tensors and the JSON state that resuming
 * needs. A checkpoint is there whole or not at all, also after `kill -9` or a power cut.
 */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { AttuneError } from "../text/errors.ts";
import { tidyDirectory, writeDirectoryAtomic, writeFileAtomic } from "./atomic.ts";
import { diskError, errorCode } from "./disk_error.ts";
import { readJsonFile } from "./json_file.ts";
import { readSafetensorsHeader, type TensorEntry, writeSafetensors } from "./safetensors.ts";

const TENSORS_FILE = "tensors.safetensors";
const STATE_FILE = "state.json";

const StateFile = z.object({ step: z.int().nonnegative(), state: z.unknown() });

export interface NamedTensor {
  name: string;
  shape: number[];
  data: Float32Array;
}

/** A checkpoint on the disk. Its tensors, all float32, are read one at a time with `readTensor`. */
export interface TrainingCheckpoint {
  path: string;
  step: number;
  state: unknown;
  tensors: Map<string, TensorEntry>;
}

/**
 * Writes `runDir/checkpoints/step-<step>`, replacing one of the same step. `state` must survive JSON unchanged: numbers
 * do, bit for bit, but NaN and infinities have no spelling and are an error.
 * @returns the checkpoint's path. @throws AttuneError when the disk refuses; older checkpoints stay.
 */
export async function writeCheckpoint(
  runDir: string,
  step: number,
  { tensors, state }: { tensors: Iterable<NamedTensor>; state: unknown },
): Promise<string> {
  const path = checkpointPath(runDir, step);
  const text = `${JSON.stringify({ step, state }, refuseNonFinite, 2)}\n`;
  const sources = [...tensors].map(({ name, shape, data }) => ({
    name,
    shape,
    dtype: "F32" as const,
    data: () => data,
  }));
  await writeDirectoryAtomic(
    path,
    async (directory) => {
      await writeSafetensors(join(directory, TENSORS_FILE), sources);
      await writeFileAtomic(join(directory, STATE_FILE), text);
    },
    { replace: true },
  );
  return path;
}

function refuseNonFinite(key: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value))
    throw new Error(`checkpoint state ${key} is ${value}`);
  return value;
}

/** The newest checkpoint's step and path; undefined when there is none. What a killed process left half-done is not one. */
export async function latestCheckpoint(runDir: string): Promise<{ step: number; path: string } | undefined> {
  const step = (await checkpointSteps(runDir)).at(-1);
  return step === undefined ? undefined : { step, path: checkpointPath(runDir, step) };
}

/** @throws AttuneError when a file is missing, damaged, or of another step than the directory's name says. */
export async function readCheckpoint(path: string): Promise<TrainingCheckpoint> {
  const parsed = StateFile.safeParse(await readJsonFile(join(path, STATE_FILE)));
  if (!parsed.success)
    throw new AttuneError(
      `${join(path, STATE_FILE)}: expected a step and a state.\n${z.prettifyError(parsed.error)}`,
    );
  const { tensors } = await readSafetensorsHeader(join(path, TENSORS_FILE));
  return { path, step: parsed.data.step, state: parsed.data.state, tensors };
}

/** Deletes all but the last `keep` checkpoints and those of the steps in `best`. */
export async function pruneCheckpoints(
  runDir: string,
  { keep, best = [] }: { keep: number; best?: readonly number[] },
): Promise<void> {
  const steps = await checkpointSteps(runDir);
  const kept = new Set([...steps.slice(Math.max(0, steps.length - keep)), ...best]);
  for (const step of steps.filter((step) => !kept.has(step))) {
    await rm(checkpointPath(runDir, step), { recursive: true, force: true });
  }
}

const checkpointPath = (runDir: string, step: number): string => join(runDir, "checkpoints", `step-${step}`);

/** Ascending. */
async function checkpointSteps(runDir: string): Promise<number[]> {
  const directory = join(runDir, "checkpoints");
  try {
    await tidyDirectory(directory);
    const names = await readdir(directory);
    const steps = names.flatMap((name) => /^step-(\d+)$/.exec(name)?.[1] ?? []).map(Number);
    return steps.sort((a, b) => a - b);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw diskError(error, "read", directory);
  }
}
