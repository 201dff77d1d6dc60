import { rmdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { diskError, errorCode } from "../files/disk_error.ts";
import { type Holder, isLock, SILENCE, takeLock } from "../files/lock.ts";
import { makeDirectory } from "../files/make_directory.ts";
import { AttuneError } from "../text/errors.ts";

/** The code of the error of a run that another process works on. */
export const RUN_IN_USE = "run.in-use";

/** A run directory that this run alone may write into. */
export interface RunLock {
  /**
   * Runs what writes into the directory.
   * @throws AttuneError when the directory, or the right to write into it, has gone meanwhile
   */
  write<T>(work: () => Promise<T>): Promise<T>;
  /** Lets others in; takes the directory away if nothing was written and it was not there before. */
  release(): Promise<void>;
}

export const LOCK_FILE = "run.lock";

/** Of a process that writes nothing. */
export const NO_LOCK: RunLock = {
  write: () => Promise.reject(new Error("only the first rank writes")),
  release: async () => {},
};

/** @throws AttuneError when another run writes into the directory, naming its process, or the disk refuses. */
export async function lockRun(path: string): Promise<RunLock> {
  const made = await makeOutput(path);
  const taken = await takeLock(join(path, LOCK_FILE)).catch(async (error) => {
    await removeEmpty(path, made);
    throw error;
  });
  if (!isLock(taken)) throw inUse(path, taken);
  const check = async () => {
    const state = await taken.state();
    if (state !== "held") throw await lost(path, state);
  };
  return {
    async write(work) {
      await check();
      try {
        return await work();
      } finally {
        await check(); // explains an error, too
      }
    },
    async release() {
      await taken.release();
      await removeEmpty(path, made);
    },
  };
}

/** @returns the first directory that had to be made */
async function makeOutput(path: string): Promise<string | undefined> {
  try {
    return await makeDirectory(path);
  } catch (error) {
    const isFile = errorCode(error) === "EEXIST" && (await stat(path).catch(() => undefined))?.isFile();
    throw diskError(isFile ? Object.assign(error as Error, { code: "ENOTDIR" }) : error, "write", path);
  }
}

/** From `path` up to what had been made for it, as far as nothing is in it. */
async function removeEmpty(path: string, made: string | undefined): Promise<void> {
  if (made === undefined) return;
  const top = resolve(made);
  for (let directory = resolve(path); directory.startsWith(top); directory = dirname(directory))
    try {
      await rmdir(directory);
    } catch {
      return;
    }
}

function inUse(path: string, { process, silentFor }: Holder): AttuneError {
  const who = process
    ? `process ${process.pid} on ${process.host}, since ${process.since}`
    : "its lock does not say which";
  const isHere = silentFor === undefined;
  const problem = `another run is writing to it (${who})`;
  if (isHere)
    return new AttuneError({
      code: "run.in-use",
      place: path,
      problem,
      wayOut: "Wait for it, stop it, or choose another output",
    });
  const seen = `on another machine or in another container; its last sign of life was ${Math.round(silentFor)} s ago`;
  return new AttuneError({
    code: "run.in-use",
    place: path,
    problem: `${problem}, ${seen}`,
    wayOut: `Wait for it, or choose another output. If it has ended, try again in ${SILENCE / 60} minutes, or remove ${join(path, LOCK_FILE)}`,
  });
}

async function lost(path: string, state: "gone" | "taken"): Promise<AttuneError> {
  const isThere = await stat(path).catch(() => undefined);
  const problem =
    state === "taken"
      ? "another run has taken it over"
      : isThere
        ? `its ${LOCK_FILE} was removed, so that another run may write to it`
        : "it was removed or moved";
  return new AttuneError({
    code: "run.output-lost",
    place: path,
    problem: `${problem} while this run was going on, which ends here and writes nothing more`,
    wayOut: "Start the run again, where its checkpoints are or from the beginning",
  });
}
