/** A path that leads nowhere, and what was likely meant. */
import { readdir, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import type { Fault } from "../text/errors.ts";
import { nearest } from "../text/nearest.ts";

/** For an error about `path`: "there is no such directory; did you mean models/base?" */
export async function missingPath(path: string, wanted: "file" | "directory"): Promise<Fault> {
  const fault = { code: "files.missing", place: path };
  const what = wanted === "file" ? "there is no such file or directory" : "there is no such directory";
  const atHome = /^~(?=$|[/\\])/.test(path) ? join(homedir(), path.slice(1)) : undefined;
  if (atHome && (await isThere(atHome)))
    return { ...fault, problem: `${what}: "~" is the shell's; write ${atHome}` };
  const near = await nearestPath(path, wanted);
  return { ...fault, problem: near ? `${what}; did you mean ${near}?` : what };
}

const isThere = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined)) !== undefined;

/** The first part of the path that isn't there, put right by its neighbours' names; the rest as it is, if that is there. */
async function nearestPath(path: string, wanted: "file" | "directory"): Promise<string | undefined> {
  const trimmed = path.replace(/[/\\]+$/, "");
  const parent = dirname(trimmed);
  if (parent === trimmed) return undefined;
  if (!(await isThere(parent))) {
    const near = await nearestPath(parent, "directory");
    const whole = near && join(near, basename(trimmed));
    return whole && (await isThere(whole)) ? asWritten(path, whole) : near;
  }
  const entries = await readdir(parent, { withFileTypes: true }).catch(() => []);
  const names = entries
    .filter((entry) => !entry.name.startsWith(".") && (wanted === "file" || entry.isDirectory()))
    .map(({ name }) => name);
  const found = nearest(basename(resolve(trimmed)), names);
  return found && trimmed.slice(0, trimmed.length - basename(trimmed).length) + found;
}

/** `join` takes the "./" away that the user wrote. */
const asWritten = (path: string, found: string): string =>
  path.startsWith("./") && !found.startsWith("./") ? `./${found}` : found;
