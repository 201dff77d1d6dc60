/** SHA-256 of whole files, each read once and remembered as long as it stays as it is. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { writeFileAtomic } from "./atomic.ts";
import { diskError } from "./disk_error.ts";
import { cacheEntry, pruneCache, userCache } from "./user_cache.ts";

/** Hexadecimal. @throws AttuneError when the file can't be read. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    for await (const part of createReadStream(path, { highWaterMark: 2 ** 22 })) hash.update(part);
  } catch (error) {
    throw diskError(error, "read", path);
  }
  return hash.digest("hex");
}

/**
 * As {@link hashFile}; a file of the same place, size, number and times has the hash it had. Whoever writes a file
 * changes its ctime, which programs can't set back.
 */
export async function hashUnchangedFile(path: string): Promise<string> {
  const state = await stateOf(path);
  const entry = await remembered(keyOf(state));
  if (entry.hash) return entry.hash;
  const hash = await hashFile(path);
  if (entry.path && (await stateOf(path)).join() === state.join()) await remember(entry.path, hash);
  return hash;
}

/**
 * Checks files, unless that was done before and they are as they were then. `check` throws where they aren't well; `about`
 * names it.
 */
export async function checkUnchangedFiles(
  paths: Iterable<string>,
  about: string,
  check: () => Promise<void>,
): Promise<void> {
  const states = () => Promise.all(Array.from(paths, stateOf));
  const before = await states();
  const entry = await remembered(keyOf([about, ...before.flat()]));
  if (entry.hash) return;
  await check();
  if (entry.path && String(await states()) === String(before)) await remember(entry.path, keyOf([about]));
}

const keyOf = (state: readonly string[]) => createHash("sha256").update(JSON.stringify(state)).digest("hex");

async function stateOf(path: string): Promise<string[]> {
  try {
    const { size, ino, dev, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [path, ...[size, ino, dev, mtimeNs, ctimeNs].map(String)];
  } catch (error) {
    throw diskError(error, "read", path);
  }
}

/** What the cache has, and where it would keep it: nowhere, if it can't be written. */
async function remembered(key: string): Promise<{ hash?: string; path?: string }> {
  const directory = userCache("hashes");
  const path = directory && (await cacheEntry(directory, key, ".sha256").catch(() => undefined));
  if (!path) return {};
  const text = await readFile(path, "utf8").catch(() => "");
  return { path, ...(/^[0-9a-f]{64}$/.test(text) && { hash: text }) };
}

const CACHE_LIMIT = 2 ** 20; // bytes of all entries: 16,384 files

async function remember(path: string, hash: string): Promise<void> {
  try {
    await writeFileAtomic(path, hash);
    await pruneCache(path, CACHE_LIMIT);
  } catch {} // then it is computed again next time
}
