/** The programs that tests start: as built once for all of them, which starts two seconds sooner, else their sources. */
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const sourceOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Their sources, by name. */
export const PROGRAMS = {
  cli: sourceOf("../cli/main.ts"),
  index: sourceOf("../index.ts"),
  train_together: sourceOf("../mpi/testing/train_together.ts"),
};

type Program = keyof typeof PROGRAMS;

/** The variable that names the directory they are built in. */
export const BUILT_IN = "ATTUNE_TEST_PROGRAMS";

const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

/** Words for Node that let it read TypeScript. */
export const typeScript = ["--import", tsx];

export function programFile(name: Program): string {
  const { [BUILT_IN]: built } = process.env;
  return built ? join(built, `${name}.mjs`) : PROGRAMS[name];
}

/** Words for Node that start it. */
export const programWords = (name: Program): string[] =>
  process.env[BUILT_IN] ? [programFile(name)] : [...typeScript, programFile(name)];
