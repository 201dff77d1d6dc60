/** A file that keeps two processes from writing the same file at once. */
import { mkdir, open, readFile, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { diskError, errorCode } from "../files/disk_error.ts";

/** Locks that this process holds or is about to take: who wants one waits for the last before it. */
const queues = new Map<string, Promise<unknown>>();

/** Runs `work` while `path` exists for us alone; waits for whoever holds it, unless its process is gone. */
export async function withLock<T>(
  path: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const before = queues.get(path) ?? Promise.resolve();
  const own = before.then(() => lockedWork(path, signal, work));
  const end = own.catch(() => {});
  queues.set(path, end);
  try {
    return await own;
  } finally {
    if (queues.get(path) === end) queues.delete(path);
  }
}

async function lockedWork<T>(
  path: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  while (!(await create(path))) {
    if (await isAbandoned(path)) await rm(path, { force: true });
    else await sleep(200, undefined, { signal }).catch(() => {});
    signal?.throwIfAborted();
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function create(path: string): Promise<boolean> {
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, "wx");
    await file.writeFile(`${process.pid} ${hostname()}`);
    await file.close();
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw diskError(error, "write", path);
  }
}

/** Its process is gone; or, where that can't be seen, it is a day old. */
async function isAbandoned(path: string): Promise<boolean> {
  const [pid, host] = (await readFile(path, "utf8").catch(() => "")).split(" ");
  if (host === hostname()) return Number(pid) === process.pid || !isRunning(Number(pid));
  const info = await stat(path).catch(() => undefined);
  return info !== undefined && Date.now() - info.mtimeMs > (host === undefined ? 10_000 : 86_400_000);
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}
