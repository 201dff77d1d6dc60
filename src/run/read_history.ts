import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { diskError, errorCode } from "../files/disk_error.ts";
import {
  addMetrics,
  addSamples,
  emptyHistory,
  type RecordedSample,
  type RunHistory,
} from "../report/run_record.ts";

/**
 * What metrics.jsonl and samples.jsonl say. Lines that can't be read, such as one that a kill cut short, are skipped and
 * counted. A missing file is an empty one.
 * @throws AttuneError when the disk refuses.
 */
export async function readHistory(files: {
  metrics: string;
  samples: string;
}): Promise<{ history: RunHistory; damaged: string[] }> {
  const history = emptyHistory();
  const skipped = [
    [files.metrics, await readLines(files.metrics, (line) => isRecord(line) && addMetrics(history, line))],
    [files.samples, await readLines(files.samples, (line) => isSamples(line) && addSamples(history, line))],
  ] as const;
  const damaged = skipped
    .filter(([, count]) => count > 0)
    .map(
      ([file, count]) =>
        `${file}: ${count === 1 ? "a line" : `${count} lines`} can't be read, and ${count === 1 ? "is" : "are"} left out`,
    );
  return { history, damaged };
}

/** Calls `take` with each line that is JSON; it says false of one that it can't use. @returns the lines left out */
async function readLines(path: string, take: (line: unknown) => unknown): Promise<number> {
  const input = createReadStream(path, "utf8");
  let skipped = 0;
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (take(parsed(line)) === false) skipped++;
    }
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw diskError(error, "read", path);
  } finally {
    input.destroy();
  }
  return skipped;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

type Line = { step: number } & Record<string, unknown>;

const isRecord = (line: unknown): line is Line =>
  typeof line === "object" &&
  line !== null &&
  "step" in line &&
  Number.isSafeInteger(line.step) &&
  (line.step as number) >= 0;

const isSamples = (line: unknown): line is Line & { samples: RecordedSample[] } =>
  isRecord(line) && Array.isArray(line.samples) && line.samples.every(isSample);

const isSample = (sample: unknown): sample is RecordedSample => {
  if (typeof sample !== "object" || sample === null) return false;
  const { task, question, references, tuned } = sample as Record<string, unknown>;
  const isText = (value: unknown) => typeof value === "string";
  return (
    isText(task) &&
    isText(question) &&
    Array.isArray(references) &&
    references.every(isText) &&
    (tuned === undefined || isText(tuned))
  );
};
