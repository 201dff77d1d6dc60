import type { Stats } from "node:fs";
import { AttuneError } from "../text/errors.ts";

const KINDS: readonly [name: string, is: (info: Stats) => boolean][] = [
  ["a directory", (info) => info.isDirectory()],
  ["a named pipe (FIFO)", (info) => info.isFIFO()],
  ["a device", (info) => info.isCharacterDevice() || info.isBlockDevice()],
  ["a socket", (info) => info.isSocket()],
];

/**
 * Opening a pipe may wait for ever, and reading a device may never end: `info`, from `stat`, is looked at before.
 * @throws AttuneError that says what it is instead of a file.
 */
export function checkRegularFile(info: Stats, path: string, wayOut?: string): void {
  if (info.isFile()) return;
  const [name = "something else"] = KINDS.find(([, is]) => is(info)) ?? [];
  throw new AttuneError({
    code: "files.not-regular",
    place: path,
    problem: `it is ${name}, not a file`,
    wayOut,
  });
}
