import { lstat } from "node:fs/promises";
import { AttuneError } from "../text/errors.ts";

/** @throws AttuneError when something has this name already: an export replaces nothing. */
export async function requireFree(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (!found) return;
  throw new AttuneError({
    code: "export.output-exists",
    place: path,
    problem: "already exists",
    wayOut: "Choose another name, or remove it first",
  });
}
