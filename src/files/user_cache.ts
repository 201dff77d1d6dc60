import { mkdir, readdir, rm, stat, utimes } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, extname, join } from "node:path";
import { AttuneError } from "../text/errors.ts";
import { diskError } from "./disk_error.ts";

/** What is made of the user's files once, and found again by a key of all it depends on. */
type Kind = "tokenized" | "quantized";

/** Where what is made is kept: below `ATTUNE_CACHE`, or below the user's cache directory. */
export function userCache(kind: Kind, env: NodeJS.ProcessEnv = process.env): string {
  if (env.ATTUNE_CACHE) return join(env.ATTUNE_CACHE, kind);
  return join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "attune", kind);
}

/** Path of an entry, in a directory only the user can read: rows may be private. @throws AttuneError when it can't be made. */
export async function cacheEntry(directory: string, key: string, extension: string): Promise<string> {
  if (!/^[0-9a-f]{64}$/.test(key)) throw new Error(`a cache key is a SHA-256, got ${key}`);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    const { message } = diskError(error, "write", directory) as Error;
    throw new AttuneError(`${message} attune's cache is kept there; ATTUNE_CACHE names another directory.`);
  }
  return join(directory, key + extension);
}

/** Marks an entry as used just now. Another process may have removed it: then there is nothing to mark. */
export async function touchEntry(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch(() => {});
}

/** Removes the entries like `kept` not used for longest, until the others fit into `limit` bytes with it. Open ones stay readable. */
export async function pruneCache(kept: string, limit: number): Promise<void> {
  const entries = await listEntries(dirname(kept), extname(kept));
  let total = entries.reduce((sum, { size }) => sum + size, 0);
  for (const { path, size } of entries.sort((a, b) => a.used - b.used)) {
    if (total <= limit) break;
    if (path === kept) continue;
    await rm(path, { force: true }).catch(() => {}); // in use, on Windows
    total -= size;
  }
}

async function listEntries(directory: string, extension: string) {
  const names = (await readdir(directory)).filter((name) => extname(name) === extension);
  const entries = await Promise.all(
    names.map(async (name) => {
      const path = join(directory, name);
      const info = await stat(path).catch(() => undefined); // removed by another process
      return info ? [{ path, size: info.size, used: info.mtimeMs }] : [];
    }),
  );
  return entries.flat();
}
