import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Input } from "./target.ts";

/** Absolute path of something in the repository. */
export const inRepository = (path: string): string =>
  fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** The files of a directory of the repository, folders left out. */
export function filesIn(path: string, wanted: (name: string) => boolean = () => true): Input {
  const directory = inRepository(path);
  const names = readdirSync(directory).filter(
    (name) => wanted(name) && statSync(join(directory, name)).isFile(),
  );
  return new Map(names.sort().map((name) => [name, readFileSync(join(directory, name))]));
}

export const input = (files: Record<string, string | Uint8Array>): Input =>
  new Map(
    Object.entries(files).map(([path, content]) => [
      path,
      typeof content === "string" ? Buffer.from(content) : content,
    ]),
  );

/** The only file of an input. */
export const onlyFile = (directory: string): string =>
  join(directory, readdirSync(directory)[0] ?? "missing");
