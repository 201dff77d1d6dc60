/** A repository at one commit, as far as it can be had. */
import { readdir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";

export interface Snapshot {
  /** Of all its files; offline, of those in the cache. */
  paths: string[];
  /** Bytes of each, where the hub was asked. */
  sizes?: ReadonlyMap<string, number>;
  /** Sees that these are on the disk. Returns the directory that they lie in. */
  fetch(paths: readonly string[]): Promise<string>;
}

/** The paths of all files below a directory, "/" between parts; links into nowhere left out; none when it isn't there. */
export async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true }).catch(() => []);
  const paths = entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
  const there = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)));
  const names = paths.filter((_, i) => there[i]?.isFile()).map((path) => relative(directory, path));
  return names.map((name) => name.split(sep).join("/")).sort();
}
