import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { diskError, errorCode } from "../files/disk_error.ts";
import {
  addMetrics,
  addSamples,
  emptyHistory,
  type RecordedSample,
  type RunHistory,
} from "../report/run_record.ts";

/** What was read of a run so far, from which a later look goes on. */
export interface ReadHistory {
  history: RunHistory;
  /** By file. */
  read: Record<"metrics" | "samples", ReadLines>;
}

interface ReadLines {
  path: string;
  /** Bytes, up to the last whole line. */
  length: number;
  /** The last of them: where the file has others there, it was cut back and written anew. */
  end: Buffer;
  /** Lines that can't be read. */
  skipped: number;
}

/**
 * What metrics.jsonl and samples.jsonl say. Lines that can't be read, such as one that a kill cut short, are skipped and
 * counted. A missing file is an empty one. With what was read `before`, only what was added is read; it is changed.
 * @throws AttuneError when the disk refuses.
 */
export async function readHistory(
  files: Record<"metrics" | "samples", string>,
  before?: ReadHistory,
): Promise<ReadHistory & { damaged: string[] }> {
  const isSame = before && (await isPartOf(before.read.metrics)) && (await isPartOf(before.read.samples));
  const { history, read } = isSame ? before : { history: emptyHistory(), read: undefined };
  const metrics = await readLines(
    read?.metrics ?? unread(files.metrics),
    (line) => isRecord(line) && addMetrics(history, line),
  );
  const samples = await readLines(
    read?.samples ?? unread(files.samples),
    (line) => isSamples(line) && addSamples(history, line),
  );
  const damaged = [metrics, samples]
    .map(({ path, rest, skipped }) => [path, skipped + rest] as const)
    .filter(([, count]) => count > 0)
    .map(
      ([file, count]) =>
        `${file}: ${count === 1 ? "a line" : `${count} lines`} can't be read, and ${count === 1 ? "is" : "are"} left out`,
    );
  return { history, read: { metrics, samples }, damaged };
}

const END = 256; // bytes that tell one line from others
const unread = (path: string): ReadLines => ({ path, length: 0, end: Buffer.alloc(0), skipped: 0 });

/** Whether a file still begins with what was read of it. */
async function isPartOf({ path, length, end }: ReadLines): Promise<boolean> {
  if (length === 0) return true;
  const file = await open(path, "r").catch(() => undefined);
  if (!file) return false;
  try {
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(end.length),
      0,
      end.length,
      length - end.length,
    );
    return bytesRead === end.length && buffer.equals(end);
  } finally {
    await file.close();
  }
}

/**
 * Calls `take` with each line that is JSON and was not read before; it says false of one that it can't use. `rest` counts
 * what stands behind the last whole line: it is read again the next time.
 */
async function readLines(
  before: ReadLines,
  take: (line: unknown) => unknown,
): Promise<ReadLines & { rest: number }> {
  let { length, end, skipped, path } = before;
  let part = Buffer.alloc(0);
  const takeBytes = (count: number) => {
    const bytes = part.subarray(0, count);
    const lines = bytes.toString().split("\n").filter(Boolean);
    skipped += lines.filter((line) => take(parsed(line)) === false).length;
    length += count;
    end = Buffer.from(Buffer.concat([end, bytes]).subarray(-END));
    part = part.subarray(count);
  };
  try {
    for await (const chunk of createReadStream(path, { start: length }) as AsyncIterable<Buffer>) {
      part = Buffer.concat([part, chunk]);
      takeBytes(part.lastIndexOf("\n") + 1);
    }
    if (parsed(part.toString()) !== undefined) takeBytes(part.length); // whole, but for its end
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw diskError(error, "read", path);
  }
  return { path, length, end, skipped, rest: part.length > 0 ? 1 : 0 };
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
