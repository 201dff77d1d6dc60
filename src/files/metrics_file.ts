/** metrics.jsonl: a line of JSON a step, appended as training goes and cut back when a run resumes from a checkpoint. */
import { appendFile, mkdir, readFile, truncate } from "node:fs/promises";
import { dirname } from "node:path";
import { AttuneError } from "../text/errors.ts";
import { diskError, errorCode } from "./disk_error.ts";

/** A number that is not finite is written as null: JSON has no other way. @throws AttuneError when the disk refuses. */
export async function appendMetrics(
  path: string,
  record: { step: number } & Record<string, unknown>,
): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await appendFile(path, `${JSON.stringify(record)}\n`);
  } catch (error) {
    throw diskError(error, "write", path);
  }
}

/**
 * Cuts the file before the first line of a step after `step`, so that it goes on as if the run had never passed it.
 * A last line that was torn off by a kill goes too. A missing file is fine.
 * @throws AttuneError naming the line when another one is not a record with a step.
 */
export async function truncateAfter(path: string, step: number): Promise<void> {
  try {
    const bytes = await readFile(path);
    const length = lengthUpTo(bytes, step, path);
    if (length < bytes.length) await truncate(path, length);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return;
    throw diskError(error, "write", path);
  }
}

/** Bytes of the leading lines whose step is at most `step`. Only a line that ends in a newline is whole. */
function lengthUpTo(bytes: Buffer, step: number, path: string): number {
  let start = 0;
  for (let line = 1; ; line++) {
    const end = bytes.indexOf("\n", start);
    if (end === -1 || stepOf(bytes.toString("utf8", start, end), path, line) > step) return start;
    start = end + 1;
  }
}

function stepOf(line: string, path: string, number: number): number {
  const step = parsed(line)?.step;
  if (typeof step === "number") return step;
  throw new AttuneError(
    `${path}, line ${number}: expected a JSON object with a step, got ${line.slice(0, 60)}. Remove or repair the line.`,
  );
}

function parsed(line: string): { step?: unknown } | undefined {
  try {
    return JSON.parse(line) as { step?: unknown };
  } catch {
    return undefined;
  }
}
