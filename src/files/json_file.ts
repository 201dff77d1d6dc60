/** JSON and text files of other tools, read with a bound on their size and an error that names the file. */
import { readFile, stat } from "node:fs/promises";
import { AttuneError } from "../text/errors.ts";
import { excerpt } from "../text/excerpt.ts";
import { excerptAt, findJsonError } from "../text/json_error.ts";
import { parsePythonJson, withoutPythonWords } from "../text/parse_python_json.ts";
import { diskError, errorCode } from "./disk_error.ts";
import { checkRegularFile } from "./regular_file.ts";

const LIMIT = 256 * 2 ** 20; // bytes; the largest tokenizer.json known is below 40 MB

/** The file's text, UTF-8; a byte order mark is dropped. @throws AttuneError when it is too large, no text, or unreadable. */
export async function readTextFile(path: string, limit = LIMIT): Promise<string> {
  try {
    const bytes = await readBounded(path, limit);
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (errorCode(error) === undefined && error instanceof TypeError)
      throw new AttuneError(`${path} is not UTF-8 text.`);
    throw diskError(error, "read", path);
  }
}

/** JSON as Python writes it. @throws AttuneError as {@link readTextFile}, or when it is not JSON, or nested without end. */
export async function readJsonFile(path: string): Promise<unknown> {
  const value = parseJson(await readTextFile(path), path);
  if (isNestedBeyond(DEPTH, value))
    throw new AttuneError({
      code: "files.too-deep",
      place: path,
      problem: `its lists and objects are nested more than ${DEPTH} deep`,
    });
  return value;
}

const DEPTH = 500; // Python's own reader gives up at about 1000

/** @param path what messages call the text */
export function parseJson(text: string, path: string): unknown {
  try {
    return parsePythonJson(text);
  } catch {
    const error = findJsonError(withoutPythonWords(text));
    throw new AttuneError({
      code: "files.not-json",
      place: path,
      problem: `not valid JSON at line ${error.line}, column ${error.column}${excerptAt(text, error)}`,
    });
  }
}

/** Level by level: what is nested without end would overflow the stack. */
function isNestedBeyond(depth: number, value: unknown): boolean {
  let level = [value].filter(isNest);
  for (let d = 0; d < depth && level.length > 0; d++)
    level = level.flatMap((nest) => Object.values(nest).filter(isNest));
  return level.length > 0;
}

const isNest = (value: unknown): value is object => typeof value === "object" && value !== null;

/** @throws AttuneError as {@link readJsonFile}, or when it holds anything but an object. */
export async function readJsonObject(path: string): Promise<Record<string, unknown>> {
  const value = await readJsonFile(path);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const got = Array.isArray(value) ? "a list" : excerpt(value);
    throw new AttuneError({ code: "files.not-object", place: path, expected: "a JSON object", got });
  }
  return value as Record<string, unknown>;
}

/** What `reading` a file gives; undefined when there is no such file. */
export async function ifThere<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (errorCode((error as Error).cause) === "ENOENT") return undefined;
    throw error;
  }
}

async function readBounded(path: string, limit: number): Promise<Uint8Array> {
  const info = await stat(path); // before opening: a pipe would wait for a writer
  checkRegularFile(info, path);
  if (info.size > limit)
    throw new AttuneError(`${path} has ${info.size} bytes, more than the limit of ${limit}.`);
  return readFile(path);
}
