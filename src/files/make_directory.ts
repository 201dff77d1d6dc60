import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { errorCode } from "./disk_error.ts";

/**
 * Makes a directory and those above it that are missing. Node's own way names a wrong reason where the file system is
 * read-only, and never ends in some places, such as below /proc.
 * @returns the first one that was made; undefined when it was there
 * @throws the system's error
 */
export async function makeDirectory(path: string, mode?: number): Promise<string | undefined> {
  try {
    return await makeOne(path, mode);
  } catch (error) {
    const parent = dirname(path);
    if (errorCode(error) !== "ENOENT" || parent === path) throw error;
    const first = await makeDirectory(parent, mode);
    const made = await makeOne(path, mode);
    return first ?? made;
  }
}

/** @returns `path`; undefined when it was there, or another process was quicker */
async function makeOne(path: string, mode: number | undefined): Promise<string | undefined> {
  try {
    await mkdir(path, { mode });
    return path;
  } catch (error) {
    if (await isDirectory(path)) return undefined;
    throw error;
  }
}

const isDirectory = (path: string) =>
  stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  );
