/** A file that keeps two processes from writing the same file at once. */
import { mkdir, open, readFile, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { diskError, errorCode } from "../checkpoints/disk_error.ts";

const here = new Set<string>(); // locks of this process

/** Runs `work` while `path` exists for us alone; waits for whoever holds it, unless its process is gone. */
export async function withLock<T>(
  path: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  while (!(await take(path))) {
    await sleep(200, undefined, { signal }).catch(() => {});
    signal?.throwIfAborted();
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
    here.delete(path);
  }
}

async function take(path: string): Promise<boolean> {
  if (here.has(path)) return false;
  here.add(path);
  if (await create(path)) return true;
  if (await isAbandoned(path)) await rm(path, { force: true });
  here.delete(path);
  return false;
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
    here.delete(path);
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
