/** Names of what is not whole yet, or moved aside for a moment: `.TARGET.PID-UNIQUE-PLACE.attune-new`. */
import { randomBytes } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { ownIdentity } from "./process_identity.ts";

export type TemporaryKind = "new" | "old";

export interface TemporaryName {
  target: string;
  kind: TemporaryKind;
  /** Who made it: a process, and the place where its number means something. */
  pid: number;
  place: string;
}

/** A name beside `target` that no other process and no other call makes. */
export function temporaryName(target: string, kind: TemporaryKind): string {
  const { pid, place } = ownIdentity();
  const unique = `${pid}-${randomBytes(4).toString("hex")}-${place}`;
  return join(dirname(target), `.${basename(target)}.${unique}.attune-${kind}`);
}

export function parseTemporaryName(name: string): TemporaryName | undefined {
  const match = /^\.(.+)\.(\d+)-[0-9a-f]{8}-([0-9a-f]{8})\.attune-(new|old)$/.exec(name);
  if (!match) return undefined;
  const [, target, pid, place, kind] = match;
  return { target: target!, pid: Number(pid), place: place!, kind: kind as TemporaryKind };
}

/** Whether it is such a name, of whatever version of attune. */
export const isTemporaryName = (name: string): boolean => /^\..+\.attune-(new|old)$/.test(name);
