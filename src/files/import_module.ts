import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { AttuneError } from "../text/errors.ts";
import { readTextFile } from "./json_file.ts";

const LIMIT = 2 ** 20; // bytes

/** Modules that Node runs, TypeScript where it can. */
export const moduleEndings: readonly string[] = [".js", ".mjs", ".ts", ".mts"];

/**
 * The default export of a JavaScript or TypeScript module.
 * @param what it should be: "the recipe: export default { model: …, … }"
 * @throws AttuneError that names the file.
 */
export async function importDefault(path: string, what: string): Promise<unknown> {
  await readTextFile(path, LIMIT); // says what is wrong with the file, if anything
  const module = await import(pathToFileURL(resolve(path)).href).catch((error) => {
    throw importError(path, error);
  });
  if (module.default !== undefined) return module.default;
  throw new AttuneError({
    code: "files.no-default-export",
    place: path,
    expected: `a default export that is ${what}`,
    got: Object.keys(module).join(", ") || "no export",
  });
}

function importError(path: string, error: unknown): AttuneError {
  const { code, message } = error as NodeJS.ErrnoException;
  const isUnread = code === "ERR_UNKNOWN_FILE_EXTENSION";
  return new AttuneError(
    {
      code: "files.not-importable",
      place: path,
      problem: isUnread
        ? `Node ${process.versions.node} can't read TypeScript; Node 22.18 and later can`
        : (message ?? String(error)),
      ...(isUnread && { wayOut: "Write it as .mjs or, a recipe, as .yaml or .json, or update Node" }),
    },
    { cause: error },
  );
}
