/**
 * Training checkpoints: `checkpoints/step-N/` of a run directory, each with the tensors and the JSON state that resuming
 * needs. A checkpoint is there whole or not at all, also after `kill -9` or a power cut; its state holds a hash of the
 * tensors and one of itself, so that a damaged one is known.
 */
import { createHash, type Hash } from "node:crypto";
import { access, readdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import * as z from "zod";
import { AttuneError } from "../text/errors.ts";
import { tidyDirectory, writeDirectoryAtomic, writeFileAtomic } from "./atomic.ts";
import { diskError, errorCode } from "./disk_error.ts";
import { hashFile } from "./file_hash.ts";
import { readJsonFile } from "./json_file.ts";
import { type Sink, safetensorsContent, type TensorEntry } from "./safetensors.ts";
import { readSafetensorsHeader } from "./safetensors_file.ts";

const TENSORS_FILE = "tensors.safetensors";
const STATE_FILE = "state.json";

const StateFile = z.strictObject({
  step: z.int().nonnegative(),
  state: z.unknown(),
  /** SHA-256 of the tensors' file, and of all that stands before it here as JSON. */
  tensors: z.string(),
  sha256: z.string(),
});

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
  const text = JSON.stringify({ step, state }, refuseNonFinite);
  const sources = [...tensors].map(({ name, shape, data }) => ({
    name,
    shape,
    dtype: "F32" as const,
    data: () => data,
  }));
  await writeDirectoryAtomic(
    path,
    async (directory) => {
      const hash = createHash("sha256");
      const content = safetensorsContent(sources);
      await writeFileAtomic(join(directory, TENSORS_FILE), (file) => content(hashing(file, hash)));
      const checked = { ...JSON.parse(text), tensors: hash.digest("hex") };
      await writeFileAtomic(join(directory, STATE_FILE), json({ ...checked, sha256: hashOf(checked) }));
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

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

const hashOf = (value: unknown) => createHash("sha256").update(JSON.stringify(value)).digest("hex");

/** What is written to `file` goes into `hash`, too. */
const hashing = (file: Sink, hash: Hash): Sink => ({
  async write(bytes, offset, length) {
    const { bytesWritten } = await file.write(bytes, offset, length);
    hash.update(bytes.subarray(offset, offset + bytesWritten));
    return { bytesWritten };
  },
});

export interface Checkpoints {
  /** The newest one that is whole; undefined when there is none. */
  sound?: TrainingCheckpoint;
  /** Those after it, newest first, and what is wrong with them. */
  damaged: { path: string; problem: string }[];
}

/**
 * Reads checkpoints from the newest on, until one is as it was written. What a killed process left half-done is none.
 * @throws AttuneError when the disk can't be read.
 */
export async function readCheckpoints(runDir: string): Promise<Checkpoints> {
  const damaged: Checkpoints["damaged"] = [];
  for (const step of (await checkpointSteps(runDir)).reverse()) {
    const path = checkpointPath(runDir, step);
    try {
      return { sound: await readCheckpoint(path), damaged };
    } catch (error) {
      if (!(error instanceof AttuneError) || isRefusal(error)) throw error;
      damaged.push({ path, problem: error.message });
    }
  }
  return { damaged };
}

/** The disk may give later what it refuses now. */
function isRefusal({ cause }: AttuneError): boolean {
  const code = errorCode(cause);
  return code !== undefined && !["ENOENT", "ENOTDIR", "EISDIR"].includes(code);
}

/** @throws AttuneError when a file is missing, damaged, or of another step than the directory's name says. */
export async function readCheckpoint(path: string): Promise<TrainingCheckpoint> {
  const stateFile = join(path, STATE_FILE);
  const parsed = StateFile.safeParse(await readJsonFile(stateFile));
  if (!parsed.success) throw damagedFile(stateFile, "it is not a step, a state and their hashes");
  const { sha256, ...checked } = parsed.data;
  if (hashOf(checked) !== sha256) throw damagedFile(stateFile, "its hash is another");
  if (basename(path) !== `step-${checked.step}`)
    throw damagedFile(stateFile, `it is of step ${checked.step}`);
  const tensorsFile = join(path, TENSORS_FILE);
  const { tensors } = await readSafetensorsHeader(tensorsFile);
  if ((await hashFile(tensorsFile)) !== checked.tensors)
    throw damagedFile(tensorsFile, `its hash is another than ${STATE_FILE} says`);
  return { path, step: checked.step, state: checked.state, tensors };
}

const damagedFile = (place: string, why: string) =>
  new AttuneError({ code: "files.damaged-checkpoint", place, problem: `damaged: ${why}` });

/** Renames a checkpoint, so that it isn't one any more and still there to be looked at. @returns its new path */
export async function setAside(path: string): Promise<string> {
  for (let i = 1; ; i++) {
    const aside = i === 1 ? `${path}.damaged` : `${path}.damaged-${i}`;
    if (await exists(aside)) continue;
    await rename(path, aside).catch((error) => {
      throw diskError(error, "write", aside);
    });
    return aside;
  }
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

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

const STEP = /^step-(0|[1-9]\d*)$/;

/** Ascending. Whoever asks has the run directory to itself. */
async function checkpointSteps(runDir: string): Promise<number[]> {
  const directory = join(runDir, "checkpoints");
  try {
    await tidyDirectory(directory, (target) => STEP.test(target));
    const names = await readdir(directory);
    const steps = names.flatMap((name) => STEP.exec(name)?.[1] ?? []).map(Number);
    return steps.sort((a, b) => a - b);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw diskError(error, "read", directory);
  }
}
