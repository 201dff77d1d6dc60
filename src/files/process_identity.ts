/** Which process did something, and whether it still runs. */
import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { errorCode } from "./disk_error.ts";

export interface ProcessIdentity {
  pid: number;
  host: string;
  /** Eight hexadecimal digits that stand for all processes among which a number means one and the same. */
  place: string;
  /** When it began, as the system counts: a number that was given again differs in it. "" where the system does not say. */
  began: string;
}

let own: ProcessIdentity | undefined;

export function ownIdentity(): ProcessIdentity {
  own ??= {
    pid: process.pid,
    host: hostname(),
    place: ownPlace(),
    began: statusOf(process.pid)?.began ?? "",
  };
  return own;
}

/**
 * A boot of a machine and, on Linux, a namespace of process numbers: containers of one host count for themselves, and
 * two hosts may have the same name. Elsewhere the host's name has to do.
 */
function ownPlace(): string {
  const boot = attempt(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
  const namespace = attempt(() => readlinkSync("/proc/self/ns/pid"));
  const place = boot && namespace ? [boot, namespace] : [hostname(), boot, namespace];
  return createHash("sha256").update(JSON.stringify(place)).digest("hex").slice(0, 8);
}

/** Whether the process runs; undefined where that can't be seen from here. */
export function isAlive({ pid, place, began }: Omit<ProcessIdentity, "host">): boolean | undefined {
  if (place !== ownIdentity().place) return undefined;
  if (!hasNumber(pid)) return false;
  const status = statusOf(pid);
  if (!status) return true;
  return !status.ended && (began === "" || status.began === began);
}

function hasNumber(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}

/** From Linux's /proc/PID/stat: "PID (NAME) STATE …"; the ninth field has the flags, the 22nd is when it began. */
function statusOf(pid: number): { ended: boolean; began: string } | undefined {
  if (!isOwnProc()) return undefined;
  const text = attempt(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
  if (!fields?.[19]) return undefined;
  const isExiting = (Number(fields[6]) & PF_EXITING) !== 0; // killed, and still giving its memory back
  return { ended: isExiting || ["Z", "X", "x"].includes(fields[0]!), began: fields[19] };
}

const PF_EXITING = 4; // linux/sched.h

/** In a namespace of numbers that mounted no /proc of its own, /proc counts as the one around it does. */
const isOwnProc = () => attempt(() => readlinkSync("/proc/self")) === String(process.pid);

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
