/** What the operating system says about files, in words that name the file and the way out. */
import { AttuneError } from "../text/errors.ts";

/** By code: what is wrong, and the way out. */
const REASONS: Record<string, [problem: string, wayOut: string]> = {
  ENOSPC: ["the disk is full", "Free some space or choose another place"],
  EDQUOT: ["your disk quota is used up", "Free some space or choose another place"],
  EFBIG: ["the file would be larger than this system or your limit allows", "Choose another place"],
  EROFS: ["the file system is read-only", "Choose another place"],
  EACCES: ["permission denied", "Change the permissions or choose another place"],
  EPERM: ["permission denied", "Change the permissions or choose another place"],
  ENOENT: ["there is no such file or directory", "Check the path"],
  ENOTDIR: ["a part of the path is a file, where a directory is needed", "Check the path"],
  ELOOP: ["its links lead in a circle", "Check the path"],
  EEXIST: ["a file of that name is in the way", "Choose another place"],
  EISDIR: ["it is a directory, where a file is needed", "Check the path"],
  ENOTEMPTY: ["a directory of that name is in the way", "Choose another place"],
  EBUSY: ["another program uses it", "Close that program or choose another place"],
  ENAMETOOLONG: ["the name is too long", "Choose a shorter one"],
  EMFILE: ["too many files are open", "Raise the limit (ulimit -n)"],
  ENFILE: ["too many files are open on this machine", "Close other programs"],
  EIO: ["the device reports an error", "Check the disk"],
  ESTALE: ["the network file system has lost it", "Check the mount, and run again"],
};

const CODES = { read: "files.cannot-read", write: "files.cannot-write" } as const;

/** Turns an error of the file system into an AttuneError; any other error is handed back as it is. */
export function diskError(error: unknown, doing: keyof typeof CODES, path: string): unknown {
  const code = errorCode(error);
  if (error instanceof AttuneError || code === undefined) return error;
  const [problem, advice] = REASONS[code] ?? [(error as Error).message, "Check the path"];
  const kept = doing === "write" ? ". What was there before is unchanged" : "";
  return new AttuneError(
    {
      code: CODES[doing],
      problem: `Cannot ${doing} ${path}: ${problem}`,
      wayOut: `${advice} (${code})${kept}`,
    },
    { cause: error },
  );
}

/** Whether the disk refused to take something. */
export const isWriteError = (error: unknown): error is AttuneError =>
  error instanceof AttuneError && error.code === CODES.write;

/** "ENOSPC" and the like; undefined for errors that do not come from the operating system. */
export function errorCode(error: unknown): string | undefined {
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  return syscall === undefined ? undefined : code;
}
