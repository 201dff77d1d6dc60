/**
 * Files and directories that appear whole or not at all: written under a temporary name beside the target, flushed to
 * the disk, then renamed. Whatever fails, and whenever the process is killed, what was there before stays.
 */
import { type FileHandle, lstat, mkdir, open, readdir, realpath, rename, rm, rmdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { AttuneError, partsOf } from "../text/errors.ts";
import { diskError, errorCode } from "./disk_error.ts";
import { makeDirectory } from "./make_directory.ts";
import { isAlive, ownIdentity } from "./process_identity.ts";
import { parseTemporaryName, type TemporaryName, temporaryName } from "./temporary_name.ts";

type Data = string | Uint8Array | ((file: FileHandle) => Promise<void>);

/** Writes a file's bytes, or lets `data` write them. Missing parent directories are made. @throws AttuneError when the disk refuses. */
export const writeFileAtomic = (path: string, data: Data): Promise<void> =>
  writeFilesAtomic(new Map([[path, data]]));

/** Several files, all of them written and flushed before the first takes its name. @throws as {@link writeFileAtomic}. */
export async function writeFilesAtomic(files: ReadonlyMap<string, Data>): Promise<void> {
  const staged: { target: string; temporary: string }[] = [];
  try {
    for (const [path, data] of files) {
      const target = await prepare(path);
      const temporary = temporaryName(target, "new");
      staged.push({ target, temporary });
      await naming(path, writeAndFlush(temporary, data));
    }
    for (const { target, temporary } of staged) await naming(target, rename(temporary, target));
    for (const { target } of staged) await flushDirectory(dirname(target));
  } catch (error) {
    for (const { temporary } of staged) await rm(temporary, { force: true });
    throw error;
  }
}

/** Errors of the file system name `path`, not the temporary file. */
const naming = <T>(path: string, writing: Promise<T>): Promise<T> =>
  writing.catch((error) => {
    throw diskError(error, "write", path);
  });

/**
 * `write` fills the directory it is given; on success that directory becomes `path`.
 * @param replace allows an earlier directory of that name to be replaced; otherwise it may only be empty.
 * @throws AttuneError when the disk refuses or `path` is taken; what `write` throws comes through.
 */
export async function writeDirectoryAtomic(
  path: string,
  write: (temporary: string) => Promise<void>,
  { replace = false }: { replace?: boolean } = {},
): Promise<void> {
  const target = await prepare(path);
  if (!replace) await refuseTaken(target, path);
  const temporary = temporaryName(target, "new");
  try {
    await mkdir(temporary);
    await write(temporary);
    await flushTree(temporary);
    await rmdir(target).catch(() => {}); // an empty one needs no care
    if (replace) await replaceBy(temporary, target);
    else await rename(temporary, target); // fails if someone has written there meanwhile
    await flushDirectory(dirname(target));
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw underName(path, temporary, diskError(error, "write", path));
  }
}

/** Users know the directory by its name, not by the temporary one that the failing write saw. */
function underName(path: string, temporary: string, error: unknown): unknown {
  if (!(error instanceof AttuneError) || !error.message.includes(temporary)) return error;
  const rename = (part: string | undefined) => part?.replaceAll(temporary, path);
  const { place, problem, got, ...others } = partsOf(error);
  const parts = { ...others, place: rename(place), problem: rename(problem), got: rename(got) };
  return new AttuneError(parts, { cause: error.cause });
}

/** The old directory steps aside under a name that the next write recognises, should the process die in between. */
async function replaceBy(temporary: string, target: string): Promise<void> {
  const aside = temporaryName(target, "old");
  const hadOld = await renameIfThere(target, aside);
  try {
    await rename(temporary, target);
  } catch (error) {
    if (hadOld) await rename(aside, target);
    throw error;
  }
  if (hadOld) await rm(aside, { recursive: true, force: true });
}

async function renameIfThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}

async function refuseTaken(target: string, path: string): Promise<void> {
  const taken = (problem: string, wayOut: string) =>
    new AttuneError({ code: "files.directory-taken", place: path, problem, wayOut });
  const entries = await readdir(target).catch(async (error) => {
    const there = await lstat(target).catch(() => undefined);
    if (there && !there.isDirectory())
      throw taken("already exists, and is no directory", "Choose another name, or remove it first");
    if (errorCode(error) === "ENOENT") return [];
    throw diskError(error, "write", path);
  });
  if (entries.length > 0)
    throw taken(
      "the directory already exists and is not empty",
      "Choose another directory, or remove it first",
    );
}

/** Follows links, so that a linked target stays a link; makes the parent; tidies up after processes that died. */
async function prepare(path: string): Promise<string> {
  const target = await realpath(path).catch(() => resolve(path));
  try {
    await makeDirectory(dirname(target));
    await tidyDirectory(dirname(target));
  } catch (error) {
    throw diskError(error, "write", path);
  }
  return target;
}

/**
 * Removes what killed processes left half-written in `directory`, and puts back what one had only moved aside. What a
 * living process writes stays, and so does what one of another machine or container may be writing: such a leftover
 * goes when nothing in it has changed for a day.
 * @param owned of the targets that only the caller may write now: whatever others left of these goes at once
 */
export async function tidyDirectory(
  directory: string,
  owned: (target: string) => boolean = () => false,
): Promise<void> {
  const names = await readdir(directory);
  for (const name of names) {
    const leftover = parseTemporaryName(name);
    const path = join(directory, name);
    if (!leftover || !(await isAbandoned(path, leftover, owned(leftover.target)))) continue;
    const isLost = leftover.kind === "old" && !names.includes(leftover.target);
    const tidied = isLost ? rename(path, join(directory, leftover.target)) : rm(path, { recursive: true });
    await tidied.catch(() => {}); // another process was quicker, or it isn't ours to remove
  }
}

const DAY = 86_400_000; // ms

/** A process with our number is ours, or was there before us: then the leftover's age tells. */
async function isAbandoned(path: string, { pid, place }: TemporaryName, owned: boolean): Promise<boolean> {
  const isHere = place === ownIdentity().place;
  if (isHere && pid === process.pid) return (await lastChange(path)) < Date.now() - process.uptime() * 1000;
  if (isHere) return !isAlive({ pid, place, began: "" });
  return owned || (await lastChange(path)) < Date.now() - DAY;
}

/** When `path`, or anything below it, was last written or renamed, in milliseconds; for ever where it can't be seen. */
async function lastChange(path: string): Promise<number> {
  const info = await lstat(path).catch(() => undefined);
  if (!info) return Number.POSITIVE_INFINITY;
  const own = Math.max(info.mtimeMs, info.ctimeMs);
  if (!info.isDirectory()) return own;
  const entries = await readdir(path).catch(() => []);
  const below = await Promise.all(entries.map((entry) => lastChange(join(path, entry))));
  return Math.max(own, ...below);
}

async function writeAndFlush(path: string, data: Data): Promise<void> {
  const file = await open(path, "wx+"); // readable, for those who check what they wrote
  try {
    if (typeof data === "function") await data(file);
    else await file.writeFile(data);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes names durable: a rename survives a power cut only once its directory is flushed. Windows has no such call. */
async function flushDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return;
  await flush(path);
}

async function flushTree(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await flushTree(join(path, entry.name));
    else if (entry.isFile()) await flush(join(path, entry.name));
  }
  await flushDirectory(path);
}

async function flush(path: string): Promise<void> {
  const file = await open(path, process.platform === "win32" ? "r+" : "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
