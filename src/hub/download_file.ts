/** One file from a hub to its place: in parts, resumed where it broke off, checked before it takes its name. */
import { type FileHandle, open, rename, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { diskError } from "../files/disk_error.ts";
import { withLock } from "../files/lock.ts";
import { makeDirectory } from "../files/make_directory.ts";
import { AttuneError, type Fault } from "../text/errors.ts";
import { fileChecksum } from "./checksum.ts";
import type { Connection } from "./connection.ts";
import { downloadPart, RangeRefused } from "./download_part.ts";
import {
  cutIntoParts,
  type FilePart,
  noteParts,
  readParts,
  removeNote,
  removePartial,
} from "./partial_file.ts";
import type { ProgressCounter } from "./progress.ts";
import type { RemoteFile } from "./remote_file.ts";
import { together } from "./together.ts";

export interface Job {
  file: RemoteFile;
  /** Where it shall be. */
  target: string;
  /** Where it grows until it is whole. */
  partial: string;
  lock: string;
}

export interface Downloads {
  connection: Connection;
  /** Shared by all parts of all files. */
  limit: <T>(work: () => Promise<T>) => Promise<T>;
  counter: ProgressCounter;
}

/** @throws AttuneError when the file cannot be had as announced; what is there stays for the next time. */
export async function downloadFile(job: Job, downloads: Downloads): Promise<void> {
  try {
    await makeDirectory(dirname(job.partial));
    await withLock(job.lock, downloads.connection.signal, async () => {
      if (await hasSize(job.target, job.file.size))
        downloads.counter.addBytes(job.file.size); // another process did it
      else await fetchAndCheck(job, downloads);
      downloads.counter.addFile();
    });
  } catch (error) {
    throw diskError(error, "write", job.target);
  }
}

/** A wrong checksum after resuming may be the fault of what was there before: then once more from the start. */
async function fetchAndCheck(job: Job, downloads: Downloads): Promise<void> {
  const resumed = await fetchAll(job, downloads);
  const problem = await checksumProblem(job, downloads.connection.signal);
  if (problem) {
    await removePartial(job.partial);
    if (!resumed) throw new AttuneError(problem);
    downloads.counter.addBytes(-job.file.size);
    return fetchAndCheck(job, downloads);
  }
  await makeDirectory(dirname(job.target));
  await rename(job.partial, job.target);
  await removeNote(job.partial);
}

/** @returns whether something was there already. */
async function fetchAll(job: Job, downloads: Downloads): Promise<boolean> {
  const { file, partial } = job;
  const parts = await readParts(partial, file.size, downloads.connection.tuning.partSize);
  const before = sum(parts);
  downloads.counter.addBytes(before);
  try {
    await writeParts(job, parts, downloads);
    return before > 0;
  } catch (error) {
    if (!(error instanceof RangeRefused)) throw error;
    downloads.counter.addBytes(-sum(parts));
    await fetchWhole(job, downloads);
    return false;
  }
}

/** From a server that sends no part of a file: from the start again each time that the connection breaks. */
async function fetchWhole(job: Job, downloads: Downloads): Promise<void> {
  const { size } = job.file;
  for (let attempt = 1; ; attempt++) {
    await removePartial(job.partial);
    const parts = cutIntoParts(size, size);
    try {
      return await writeParts(job, parts, downloads);
    } catch (error) {
      if (!(error instanceof RangeRefused) || attempt >= downloads.connection.tuning.attempts) throw error;
      downloads.counter.addBytes(-sum(parts));
    }
  }
}

const sum = (parts: readonly FilePart[]) => parts.reduce((total, { done }) => total + done, 0);

async function writeParts(job: Job, parts: FilePart[], downloads: Downloads): Promise<void> {
  const file = await openPartial(job.partial);
  const { connection, limit, counter } = downloads;
  const note = noteEverySecond(job.partial, parts);
  const works = parts.filter(isOpen).map((part) => (signal: AbortSignal) => {
    const own: Connection = { ...connection, signal };
    return downloadPart({
      remote: job.file,
      part,
      alone: parts.length === 1,
      file,
      connection: own,
      counter,
      note,
    });
  });
  try {
    await noteParts(job.partial, parts); // before the first byte: a file with holes is no beginning
    await together(works, limit, connection.signal);
  } catch (error) {
    connection.signal?.throwIfAborted();
    throw diskError(error, "write", job.partial);
  } finally {
    await noteParts(job.partial, parts);
    await file.close();
  }
}

const isOpen = ({ start, end, done }: FilePart) => start + done < end;

/** A process that is killed loses no more than what came since the last note. */
function noteEverySecond(partial: string, parts: readonly FilePart[]): () => Promise<void> {
  let next = Date.now() + 1000;
  return async () => {
    if (Date.now() < next) return;
    next = Number.POSITIVE_INFINITY; // one at a time
    await noteParts(partial, parts);
    next = Date.now() + 1000;
  };
}

async function openPartial(path: string): Promise<FileHandle> {
  try {
    return await open(path, (await stat(path).catch(() => undefined)) ? "r+" : "w");
  } catch (error) {
    throw diskError(error, "write", path);
  }
}

async function checksumProblem(job: Job, signal: AbortSignal | undefined): Promise<Fault | undefined> {
  const { file, partial } = job;
  if (!(await hasSize(partial, file.size)))
    return {
      code: "hub.other-size",
      place: file.path,
      problem: "the disk has another size than was received",
    };
  if (!file.checksum) return undefined;
  const { algorithm, hex } = file.checksum;
  const got = await fileChecksum(partial, algorithm, signal);
  if (got === hex) return undefined;
  return {
    code: "hub.wrong-checksum",
    place: file.path,
    expected: `${algorithm} ${hex}`,
    got,
    wayOut:
      "The download was deleted. Try again; if it stays so, the hub or a proxy is broken (HF_ENDPOINT names another hub)",
  };
}

export async function hasSize(path: string, size: number): Promise<boolean> {
  const info = await stat(path).catch(() => undefined);
  return info?.isFile() === true && info.size === size;
}
