/**
 * A file that says which process is at work on something, so that no second one begins. It appears with all of its
 * content, and is written again every few seconds: to other machines and containers that is the sign of life.
 */
import { randomBytes } from "node:crypto";
import { readFileSync, unlinkSync } from "node:fs";
import { link, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { AttuneError } from "../text/errors.ts";
import { diskError, errorCode } from "./disk_error.ts";
import { makeDirectory } from "./make_directory.ts";
import { isAlive, ownIdentity } from "./process_identity.ts";
import { temporaryName } from "./temporary_name.ts";

export interface Lock {
  /** Whether the file is still ours, or has been removed, or taken over. */
  state(): Promise<"held" | "gone" | "taken">;
  /** Removes the file. */
  release(): Promise<void>;
}

/** Who has a lock that was not to be had. */
export interface Holder {
  /** undefined where the file does not say. */
  process?: { pid: number; host: string; since: string };
  /** Seconds since its last sign of life, where it runs on another machine or in another container; undefined here. */
  silentFor?: number;
}

const BEAT = 10_000; // ms between signs of life
/** Seconds without one after which a process that can't be seen from here counts as gone. */
export const SILENCE = 120;

const Content = z.object({
  pid: z.int().positive(),
  host: z.string().max(255),
  place: z.string(),
  began: z.string(),
  since: z.iso.datetime(),
});

/** What this process wrote, and where. */
const held = new Map<string, string>();

/** Takes the lock, or says who has it. A lock of a process that is gone is taken over. @throws AttuneError when the disk refuses. */
export async function takeLock(path: string): Promise<Lock | Holder> {
  try {
    for (;;) {
      const found = await readLock(path);
      if (!found) {
        const lock = await createLock(path);
        if (lock) return lock;
      } else {
        const holder = await holderOf(found, path);
        if (holder) return holder;
        await removeStale(path, found);
      }
    }
  } catch (error) {
    throw diskError(error, "write", path);
  }
}

export const isLock = (taken: Lock | Holder): taken is Lock => "release" in taken;

/** Runs `work` under the lock; waits for whoever has it. */
export async function withLock<T>(
  path: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  await makeDirectory(dirname(path)).catch((error) => {
    throw diskError(error, "write", path);
  });
  for (;;) {
    signal?.throwIfAborted();
    const taken = await takeLock(path);
    if (isLock(taken)) return work().finally(() => taken.release());
    await sleep(POLL, undefined, { signal }).catch(() => {});
  }
}

const POLL = 200; // ms

interface Found {
  bytes: Buffer;
  /** Last written, in milliseconds of the file system's clock. */
  written: number;
}

const LARGEST = 4096; // bytes; ours has some 200

/** @throws AttuneError when it is another file of that name. */
async function readLock(path: string): Promise<Found | undefined> {
  try {
    const info = await stat(path);
    const bytes = info.isFile() && info.size <= LARGEST ? await readFile(path) : undefined;
    if (bytes && (bytes.length === 0 || bytes.subarray(0, START.length).equals(START)))
      return { bytes, written: info.mtimeMs };
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
  const problem = "is in the way: attune keeps a lock under that name, and this is none";
  throw new AttuneError({ code: "files.no-lock", place: path, problem, wayOut: "Move it away" });
}

const START = Buffer.from('{"pid":');

/** undefined when it is gone. */
async function holderOf({ bytes, written }: Found, path: string): Promise<Holder | undefined> {
  const content = parse(bytes);
  const process = content && { pid: content.pid, host: content.host, since: content.since };
  const alive = content && isAlive(content);
  if (alive !== undefined) return alive && !isLeftOver(content!, bytes) ? { process } : undefined;
  const silentFor = Math.max(0, ((await clockOf(path)) - written) / 1000);
  return silentFor < SILENCE ? { process, silentFor } : undefined;
}

/** Where nothing tells a process from an earlier one of its number, what has ours and isn't held is another's. */
const isLeftOver = ({ pid, began }: z.output<typeof Content>, bytes: Buffer) =>
  began === "" && pid === ownIdentity().pid && !held.has(bytes.toString());

function parse(bytes: Buffer): z.output<typeof Content> | undefined {
  try {
    return Content.parse(JSON.parse(bytes.toString("utf8")));
  } catch {
    return undefined;
  }
}

/** What time it is by the clock that dates files there: a network's file system has its server's. */
async function clockOf(path: string): Promise<number> {
  const probe = temporaryName(path, "new");
  try {
    await writeFile(probe, "");
    return (await stat(probe)).mtimeMs;
  } catch {
    return Date.now();
  } finally {
    await rm(probe, { force: true }).catch(() => {});
  }
}

/** Moves the stale lock away, and back if it wasn't what we saw: then another process has taken it over meanwhile. */
async function removeStale(path: string, seen: Found): Promise<void> {
  const aside = temporaryName(path, "new");
  try {
    await rename(path, aside);
    const moved = await readLock(aside);
    const isSame = moved?.bytes.equals(seen.bytes) && moved.written === seen.written;
    if (!isSame) await linkBack(aside, path);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

async function linkBack(aside: string, path: string): Promise<void> {
  await link(aside, path).catch((error) => {
    if (errorCode(error) !== "EEXIST") return rename(aside, path);
  });
}

/** undefined when another process was quicker. */
async function createLock(path: string): Promise<Lock | undefined> {
  const { pid, host, place, began } = ownIdentity();
  const content = {
    pid,
    host,
    place,
    began,
    since: new Date().toISOString(),
    id: randomBytes(8).toString("hex"),
  };
  const bytes = Buffer.from(`${JSON.stringify(content)}\n`);
  if (!(await createWhole(path, bytes))) return undefined;
  held.set(bytes.toString(), resolve(path));
  removeAtExit();
  return heldLock(path, bytes);
}

/** A hard link gives the name to a file that is whole already, or fails if the name is taken. */
async function createWhole(path: string, bytes: Buffer): Promise<boolean> {
  const temporary = temporaryName(path, "new");
  try {
    await writeFile(temporary, bytes, { flag: "wx" });
    await link(temporary, path);
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    if (NO_LINKS.includes(errorCode(error) ?? "")) return createExclusively(path, bytes);
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** What file systems say that know no hard links. */
const NO_LINKS = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"];

async function createExclusively(path: string, bytes: Buffer): Promise<boolean> {
  try {
    await writeFile(path, bytes, { flag: "wx" });
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw error;
  }
}

/** The file is opened for each sign of life alone: one that stays open would keep a disk from being taken away. */
function heldLock(path: string, bytes: Buffer): Lock {
  const state: Lock["state"] = async () => {
    try {
      return (await readFile(path)).equals(bytes) ? "held" : "taken";
    } catch (error) {
      return ["ENOENT", "ENOTDIR"].includes(errorCode(error) ?? "") ? "gone" : "held";
    }
  };
  const giveSign = async () => {
    if ((await state()) !== "held") return;
    const file = await open(path, "r+");
    await file.write(bytes, 0, bytes.length, 0).finally(() => file.close());
  };
  let sign = Promise.resolve();
  const beat = () => {
    sign = sign.then(giveSign).catch(() => {}); // what keeps us from writing shows where it matters
  };
  const timer = setInterval(beat, BEAT).unref();
  return {
    state,
    async release() {
      clearInterval(timer);
      await sign;
      held.delete(bytes.toString());
      if ((await state()) === "held") await rm(path, { force: true }).catch(() => {});
    },
  };
}

let removes = false;

/** A process that ends in the middle leaves no lock behind, unless it is killed. */
function removeAtExit(): void {
  if (removes) return;
  removes = true;
  process.once("exit", () => {
    for (const [content, path] of held)
      try {
        if (readFileSync(path, "utf8") === content) unlinkSync(path);
      } catch {} // it is gone
  });
}
