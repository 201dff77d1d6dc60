/** JSON and text files of other tools, read with a bound on their size and an error that names the file. */
import { readFile, stat } from "node:fs/promises";
import { AttuneError } from "../text/errors.ts";
import { diskError, errorCode } from "./disk_error.ts";
import { decodeText, parseJsonFile, parseJsonObject } from "./json_text.ts";
import { checkRegularFile } from "./regular_file.ts";

/** Bytes that a text may have; the largest tokenizer.json known is below 40 MB. */
export const TEXT_LIMIT = 256 * 2 ** 20;

/** The file's text, UTF-8; a byte order mark is dropped. @throws AttuneError when it is too large, no text, or unreadable. */
export async function readTextFile(path: string, limit = TEXT_LIMIT): Promise<string> {
  try {
    return decodeText(await readBounded(path, limit), path);
  } catch (error) {
    throw diskError(error, "read", path);
  }
}

/** JSON as Python writes it. @throws AttuneError as {@link readTextFile}, or when it is not JSON, or nested without end. */
export const readJsonFile = async (path: string): Promise<unknown> =>
  parseJsonFile(await readTextFile(path), path);

/** @throws AttuneError as {@link readJsonFile}, or when it holds anything but an object. */
export const readJsonObject = async (path: string): Promise<Record<string, unknown>> =>
  parseJsonObject(await readTextFile(path), path);

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
    throw new AttuneError({
      code: "files.too-large",
      place: path,
      problem: `the file has ${info.size} bytes, more than the limit of ${limit}`,
    });
  return readFile(path);
}
