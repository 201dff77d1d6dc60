/** JSON and text of other tools' files, wherever their bytes come from. */
import { AttuneError } from "../text/errors.ts";
import { excerpt } from "../text/excerpt.ts";
import { excerptAt, findJsonError } from "../text/json_error.ts";
import { parsePythonJson, withoutPythonWords } from "../text/parse_python_json.ts";

/** UTF-8; a byte order mark is dropped. @param path what messages call it @throws AttuneError when it is no text. */
export function decodeText(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new AttuneError({ code: "files.not-utf8", place: path, problem: "the file is not UTF-8 text" });
  }
}

/** @param path what messages call the text */
export function parseFileJson(text: string, path: string): unknown {
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

/** JSON as Python writes it. @throws AttuneError when it isn't, or is nested without end. */
export function parseJsonFile(text: string, path: string): unknown {
  const value = parseFileJson(text, path);
  if (isNestedBeyond(DEPTH, value))
    throw new AttuneError({
      code: "files.too-deep",
      place: path,
      problem: `its lists and objects are nested more than ${DEPTH} deep`,
    });
  return value;
}

/** @throws AttuneError as {@link parseJsonFile}, or when it holds anything but an object. */
export function parseJsonObject(text: string, path: string): Record<string, unknown> {
  const value = parseJsonFile(text, path);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const got = Array.isArray(value) ? "a list" : excerpt(value);
    throw new AttuneError({ code: "files.not-object", place: path, expected: "a JSON object", got });
  }
  return value as Record<string, unknown>;
}

const DEPTH = 500; // Python's own reader gives up at about 1000

/** Level by level: what is nested without end would overflow the stack. */
function isNestedBeyond(depth: number, value: unknown): boolean {
  let level = [value].filter(isNest);
  for (let d = 0; d < depth && level.length > 0; d++) level = nestsIn(level);
  return level.length > 0;
}

/** Loops, since a tokenizer has 150,000 pairs. */
function nestsIn(level: readonly object[]): object[] {
  const inside: object[] = [];
  for (const nest of level)
    for (const value of Array.isArray(nest) ? nest : Object.values(nest))
      if (isNest(value)) inside.push(value);
  return inside;
}

const isNest = (value: unknown): value is object => typeof value === "object" && value !== null;
