/** A model that is already on the disk, and what was likely meant where it isn't. */
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { AttuneError } from "../text/errors.ts";
import { nearest } from "../text/nearest.ts";
import { looksLikeHubName } from "./repo.ts";

/**
 * `path` itself when it is a directory; undefined when it is none but may be a name on a hub.
 * @throws AttuneError when it is a file, or written like a path that does not exist.
 */
export async function localDirectory(path: string): Promise<string | undefined> {
  const info = await stat(path).catch(() => undefined);
  if (info?.isDirectory()) return path;
  if (info) throw new AttuneError(`${path} is a file; expected the directory of a model.`);
  if (looksLikeHubName(path)) return undefined;
  const near = await nearestDirectory(path);
  const hint = near
    ? ` Did you mean ${near}?`
    : " Check the path, or give the id of a model on the hub (org/name).";
  throw new AttuneError(`There is no directory ${path}.${hint}`);
}

/** The directory beside `path` whose name is most like its own; undefined when none is like it at all. */
export async function nearestDirectory(path: string): Promise<string | undefined> {
  const parent = dirname(path);
  const entries = await readdir(parent, { withFileTypes: true }).catch(() => []);
  const name = basename(resolve(path));
  const found = nearest(
    name,
    entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith(".")).map((entry) => entry.name),
  );
  return found && path.slice(0, path.length - basename(path).length) + found;
}
