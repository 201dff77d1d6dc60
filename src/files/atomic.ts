/**
 * Files and directories that appear whole or not at all: written under a temporary name beside the target, flushed to
 * the disk, then renamed. Whatever fails, and whenever the process is killed, what was there before stays.
 */
import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, realpath, rename, rm, rmdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { AttuneError } from "../text/errors.ts";
import { diskError, errorCode } from "./disk_error.ts";

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
    await moveInto(target, temporary);
    await flushDirectory(dirname(target));
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw underName(path, temporary, diskError(error, "write", path));
  }
}

/** Users know the directory by its name, not by the temporary one that the failing write saw. */
function underName(path: string, temporary: string, error: unknown): unknown {
  if (!(error instanceof AttuneError) || !error.message.includes(temporary)) return error;
  return new AttuneError(error.message.replaceAll(temporary, path), { cause: error.cause });
}

/** The old directory steps aside under a name that the next write recognises, should the process die in between. */
async function moveInto(target: string, temporary: string): Promise<void> {
  await rmdir(target).catch(() => {}); // an empty one needs no care
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
  const entries = await readdir(target).catch((error) => {
    if (errorCode(error) === "ENOENT") return [];
    throw diskError(error, "write", path);
  });
  if (entries.length > 0) {
    throw new AttuneError(
      `${path} already exists and is not empty. Choose another directory, or remove it first.`,
    );
  }
}

/** Follows links, so that a linked target stays a link; makes the parent; tidies up after processes that died. */
async function prepare(path: string): Promise<string> {
  const target = await realpath(path).catch(() => resolve(path));
  try {
    await mkdir(dirname(target), { recursive: true });
    await tidyDirectory(dirname(target));
  } catch (error) {
    throw diskError(error, "write", path);
  }
  return target;
}

type Kind = "new" | "old";

function temporaryName(target: string, kind: Kind): string {
  const unique = `${process.pid}-${randomBytes(4).toString("hex")}`;
  return join(dirname(target), `.${basename(target)}.${unique}.attune-${kind}`);
}

/** Removes what killed processes left half-written in `directory`, and puts back what one had only moved aside. */
export async function tidyDirectory(directory: string): Promise<void> {
  const names = await readdir(directory);
  for (const name of names) {
    const leftover = parseTemporaryName(name);
    const path = join(directory, name);
    if (!leftover || !(await isAbandoned(path, leftover.pid))) continue;
    if (leftover.kind === "old" && !names.includes(leftover.target))
      await rename(path, join(directory, leftover.target));
    else await rm(path, { recursive: true, force: true });
  }
}

function parseTemporaryName(name: string): { target: string; pid: number; kind: Kind } | undefined {
  const match = /^\.(.+)\.(\d+)-[0-9a-f]{8}\.attune-(new|old)$/.exec(name);
  if (match) return { target: match[1]!, pid: Number(match[2]), kind: match[3] as Kind };
}

/** Its process is gone. In containers a process often has the number of the one before it: then its age tells. */
async function isAbandoned(path: string, pid: number): Promise<boolean> {
  if (pid !== process.pid) return !isRunning(pid);
  const info = await stat(path).catch(() => undefined);
  return info !== undefined && info.ctimeMs < Date.now() - process.uptime() * 1000;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}

async function writeAndFlush(path: string, data: Data): Promise<void> {
  const file = await open(path, "wx");
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
