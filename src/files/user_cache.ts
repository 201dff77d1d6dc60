import { rmSync } from "node:fs";
import { mkdtemp, readdir, rm, stat, utimes } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { dirname, extname, join } from "node:path";
import { diskError, isWriteError } from "./disk_error.ts";
import { makeDirectory } from "./make_directory.ts";

/** What is made of the user's files once, and found again by a key of all it depends on. */
type Kind = "tokenized" | "quantized" | "hashes";

/**
 * Where what is made is kept: below `ATTUNE_CACHE`, or below the user's cache directory; undefined for a user without a
 * home.
 */
export function userCache(kind: Kind, env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env.ATTUNE_CACHE) return join(env.ATTUNE_CACHE, kind);
  const home = homeDirectory();
  const directory = env.XDG_CACHE_HOME || (home && join(home, ".cache"));
  return directory && join(directory, "attune", kind);
}

/** Containers often run under a number that no user has: then there is none. */
function homeDirectory(): string | undefined {
  try {
    return homedir() || undefined;
  } catch {
    return undefined;
  }
}

/** Path of an entry, in a directory only the user can read: rows may be private. @throws AttuneError when it can't be made. */
export async function cacheEntry(directory: string, key: string, extension: string): Promise<string> {
  if (!/^[0-9a-f]{64}$/.test(key)) throw new Error(`a cache key is a SHA-256, got ${key}`);
  try {
    await makeDirectory(directory, 0o700);
  } catch (error) {
    throw diskError(error, "write", directory);
  }
  return join(directory, key + extension);
}

/**
 * What `make` gives with the cache's directory; where that takes nothing, what it gives without one, and a warning.
 * Any other error comes through.
 */
export async function withCache<T>(
  directory: string | undefined,
  make: (directory: string | undefined) => Promise<T>,
  warn: (message: string) => void = () => {},
): Promise<T> {
  const advice =
    "The work goes on, and will be done again next time. ATTUNE_CACHE names a directory to keep it in.";
  if (directory === undefined) {
    warn(`No cache: this user has no home directory. ${advice}`);
    return make(undefined);
  }
  try {
    return await make(directory);
  } catch (error) {
    if (!isWriteError(error)) throw error;
    warn(`No cache: ${error.problem ?? error.message}. ${advice}`);
    return make(undefined);
  }
}

/** Directories that go when the process ends. */
const passing: string[] = [];

/** A directory of this process's own, gone when it ends. @throws AttuneError when the disk refuses. */
export async function passingDirectory(): Promise<string> {
  const prefix = join(tmpdir(), "attune-");
  try {
    const directory = await mkdtemp(prefix);
    if (passing.push(directory) === 1) process.once("exit", removePassing);
    return directory;
  } catch (error) {
    throw diskError(error, "write", prefix);
  }
}

function removePassing(): void {
  for (const directory of passing) rmSync(directory, { recursive: true, force: true });
}

/** Marks an entry as used just now. Another process may have removed it: then there is nothing to mark. */
export async function touchEntry(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch(() => {});
}

const HOUR = 3_600_000; // ms

/**
 * Removes the entries like `kept` not used for longest, until the others fit into `limit` bytes with it. Open ones stay
 * readable; what was used within the hour stays, as another process may be about to open it.
 */
export async function pruneCache(kept: string, limit: number): Promise<void> {
  const entries = await listEntries(dirname(kept), extname(kept));
  let total = entries.reduce((sum, { size }) => sum + size, 0);
  for (const { path, size, used } of entries.sort((a, b) => a.used - b.used)) {
    if (total <= limit) break;
    if (path === kept || used > Date.now() - HOUR) continue;
    await rm(path, { force: true }).catch(() => {}); // in use, on Windows
    total -= size;
  }
}

async function listEntries(directory: string, extension: string) {
  const names = (await readdir(directory).catch(() => [])).filter((name) => extname(name) === extension);
  const entries = await Promise.all(
    names.map(async (name) => {
      const path = join(directory, name);
      const info = await stat(path).catch(() => undefined); // removed by another process
      return info ? [{ path, size: info.size, used: info.mtimeMs }] : [];
    }),
  );
  return entries.flat();
}
