/** Whether a download fits on the disk. */
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { AttuneError } from "../text/errors.ts";

/** @throws AttuneError when fewer than `bytes` are free where `directory` is or will be. */
export async function checkDiskSpace(directory: string, bytes: number, wayOut: string): Promise<void> {
  const free = await freeBytes(directory);
  if (free === undefined || free >= bytes) return;
  const gigabytes = (count: number) => `${(count / 1e9).toPrecision(3)} GB`;
  throw new AttuneError({
    code: "hub.disk-full",
    place: directory,
    problem: `the download needs ${gigabytes(bytes)}, ${gigabytes(free)} are free`,
    wayOut: `Free some space, or ${wayOut}`,
  });
}

/** Of the directory or the nearest one above it that exists; undefined where the system does not tell. */
async function freeBytes(directory: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  } catch {
    return dirname(directory) === directory ? undefined : freeBytes(dirname(directory));
  }
}
