/** Brings files from a hub to their places, several at once. */
import { rm, stat } from "node:fs/promises";
import { diskError } from "../files/disk_error.ts";
import type { Connection } from "./connection.ts";
import { checkDiskSpace } from "./disk_space.ts";
import { downloadFile, hasSize, type Job } from "./download_file.ts";
import { createLimit } from "./limit.ts";
import { createProgressCounter, type HubProgress } from "./progress.ts";
import { together } from "./together.ts";

/** Where the files go, and what to say when that place is too small. */
export interface Destination {
  directory: string;
  wayOut: string;
}

/**
 * Downloads what is not there yet. When one fails the others stop, and what is there stays for the next time.
 * @throws AttuneError; HttpError; the signal's reason.
 */
export async function fetchFiles(
  jobs: readonly Job[],
  destination: Destination,
  connection: Connection,
  onProgress: ((progress: HubProgress) => void) | undefined,
): Promise<void> {
  const open = await openJobs(jobs);
  const totalBytes = jobs.reduce((sum, { file }) => sum + file.size, 0);
  await checkDiskSpace(destination.directory, await missingBytes(open), destination.wayOut);
  const counter = createProgressCounter(totalBytes, jobs.length, onProgress);
  for (const { file } of jobs.filter((job) => !open.includes(job))) {
    counter.addBytes(file.size);
    counter.addFile();
  }
  const limit = createLimit(connection.tuning.connections);
  const works = open.map((job) => (signal: AbortSignal) => {
    return downloadFile(job, { connection: { ...connection, signal }, limit, counter });
  });
  await together(works, createLimit(connection.tuning.connections), connection.signal);
}

/** Those whose file is not there; a file of another size at a checksum's name is damaged and goes. */
async function openJobs(jobs: readonly Job[]): Promise<Job[]> {
  const open: Job[] = [];
  for (const job of jobs) {
    if (await hasSize(job.target, job.file.size)) continue;
    await rm(job.target, { force: true }).catch((error) => {
      throw diskError(error, "write", job.target);
    });
    open.push(job);
  }
  return open;
}

async function missingBytes(jobs: readonly Job[]): Promise<number> {
  const missing = jobs.map(async ({ file, partial }) => {
    const there = await stat(partial).catch(() => undefined);
    return file.size - Math.min(file.size, (there?.blocks ?? 0) * 512); // a partial file may have holes
  });
  return (await Promise.all(missing)).reduce((sum, bytes) => sum + bytes, 0);
}
