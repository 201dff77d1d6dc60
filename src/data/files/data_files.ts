import type { Stats } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, relative, sep } from "node:path";
import { diskError, errorCode } from "../../files/disk_error.ts";
import { missingPath } from "../../files/missing_path.ts";
import { checkRegularFile } from "../../files/regular_file.ts";
import { AttuneError } from "../../text/errors.ts";
import { checkEnding, dataKindOf, readEndings } from "./data_kinds.ts";

/** What stands beside data and isn't any: datasets on the hub have a README.md each. */
const ABOUT = /^(readme|licen[cs]e|notice|changelog|citation|dataset_(infos?|dict)\.json$)/i;

/**
 * The data files of a path: itself, or, of a directory, all within whose ending is known, by name, with those of the
 * directories in it. What is hidden is left out, and so are READMEs and the like. "-" is standard input.
 * @throws AttuneError when there are none, or a link leads out of the directory.
 */
export async function dataFiles(path: string): Promise<string[]> {
  if (path === "-") return [path];
  try {
    const info = await stat(path);
    if (!info.isDirectory()) {
      checkDataFile(info, path);
      return [path];
    }
    const files = await filesWithin(path, await allowedRoots(path));
    if (files.length === 0)
      throw new AttuneError({
        code: "data.no-files",
        place: path,
        problem: "there are no data files in this directory",
        expected: `files that end in ${readEndings}`,
      });
    return files;
  } catch (error) {
    if (errorCode(error) === "ENOENT" && !(await stat(path).catch(() => undefined)))
      throw new AttuneError(
        { ...(await missingPath(path, "file")), wayOut: "Check the path" },
        { cause: error },
      );
    throw diskError(error, "read", path);
  }
}

/** @throws AttuneError for what is no file, or has an ending that is not read. */
export function checkDataFile(info: Stats, path: string): void {
  checkRegularFile(info, path, 'Save it to a file, or send it to standard input: path: "-"');
  checkEnding(path);
}

async function filesWithin(directory: string, roots: readonly string[]): Promise<string[]> {
  const entries = (await readdir(directory, { withFileTypes: true }))
    .filter(({ name }) => !name.startsWith(".") && !ABOUT.test(name))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
  const files: string[] = [];
  for (const entry of entries) {
    const path = join(directory, entry.name);
    if (entry.isFIFO() && dataKindOf(path)) checkRegularFile(await stat(path), path);
    if (entry.isDirectory()) files.push(...(await filesWithin(path, roots)));
    else if (entry.isFile() ? dataKindOf(path) : entry.isSymbolicLink() && (await isLinkedFile(path, roots)))
      files.push(path);
  }
  return files;
}

/** A linked directory within is found in its own place. */
async function isLinkedFile(path: string, roots: readonly string[]): Promise<boolean> {
  const info = await stat(path);
  if (!info.isDirectory() && !dataKindOf(path)) return false;
  const target = await realpath(path);
  if (!roots.some((root) => isWithin(target, root)))
    throw new AttuneError({
      code: "data.link-outside",
      place: path,
      problem: "the link leads out of the directory",
      wayOut: "Name the file that it leads to in the recipe",
    });
  return info.isFile();
}

/** The directory itself; and of a snapshot in the hub's cache, the blobs that its links lead to. */
async function allowedRoots(path: string): Promise<string[]> {
  const root = await realpath(path);
  for (let at = root; dirname(at) !== at; at = dirname(at))
    if (basename(dirname(at)) === "snapshots") return [root, join(dirname(dirname(at)), "blobs")];
  return [root];
}

function isWithin(path: string, root: string): boolean {
  const way = relative(root, path);
  return way !== ".." && !way.startsWith(`..${sep}`);
}
