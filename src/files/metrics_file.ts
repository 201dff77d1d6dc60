/** metrics.jsonl: a line of JSON a step, appended as training goes and cut back when a run resumes from a checkpoint. */
import { appendFile, open, readFile, truncate } from "node:fs/promises";
import { AttuneError } from "../text/errors.ts";
import { excerpt } from "../text/excerpt.ts";
import { diskError, errorCode } from "./disk_error.ts";

/**
 * The directory has to be there: one that was removed meanwhile isn't made again. A number that is not finite is written
 * as null: JSON has no other way. @throws AttuneError when the disk refuses.
 */
export async function appendMetrics(
  path: string,
  ...records: readonly ({ step: number } & Record<string, unknown>)[]
): Promise<void> {
  try {
    await appendFile(path, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
  } catch (error) {
    throw diskError(error, "write", path);
  }
}

/** Makes sure that a power cut doesn't take what was appended. A missing file is fine. */
export async function flushMetrics(path: string): Promise<void> {
  try {
    const file = await open(path, "r+");
    await file.sync().finally(() => file.close());
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw diskError(error, "write", path);
  }
}

/**
 * Cuts the file after the last line of a step up to `step`, so that it goes on as if the run had never passed it. What
 * a kill or a power cut left unfinished behind that line goes too. A missing file is fine.
 * @throws AttuneError naming the line when one before that is not a record with a step.
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

/** Bytes up to the last line whose step is at most `step`. Only a line that ends in a newline is whole. */
function lengthUpTo(bytes: Buffer, step: number, path: string): number {
  let kept = 0;
  let bad: AttuneError | undefined;
  for (let [line, start] = [1, 0]; ; line++) {
    const end = bytes.indexOf("\n", start);
    if (end === -1) return kept;
    const text = bytes.toString("utf8", start, end);
    const found = parsed(text)?.step;
    start = end + 1;
    if (typeof found !== "number") bad ??= noRecord(path, line, text);
    else if (found > step) return kept;
    else if (bad) throw bad;
    else kept = start;
  }
}

const noRecord = (path: string, line: number, text: string) =>
  new AttuneError({
    code: "files.damaged-metrics",
    place: `${path}, line ${line}`,
    expected: "a JSON object with a step",
    got: excerpt(text),
    wayOut: "Remove or repair the line",
  });

function parsed(line: string): { step?: unknown } | undefined {
  try {
    return JSON.parse(line) as { step?: unknown };
  } catch {
    return undefined;
  }
}
