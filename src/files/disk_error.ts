/** What the operating system says about files, in words that name the file and the way out. */
import { AttuneError } from "../text/errors.ts";

const REASONS: Record<string, string> = {
  ENOSPC: "the disk is full. Free some space or choose another place",
  EDQUOT: "your disk quota is used up. Free some space or choose another place",
  EFBIG: "the file would be larger than this system or your limit allows. Choose another place",
  EROFS: "the file system is read-only. Choose another place",
  EACCES: "permission denied. Change the permissions or choose another place",
  EPERM: "permission denied. Change the permissions or choose another place",
  ENOENT: "there is no such file or directory. Check the path",
  ENOTDIR: "a part of the path is a file, where a directory is needed. Check the path",
  EEXIST: "a file of that name is in the way. Choose another place",
  EISDIR: "it is a directory, where a file is needed. Check the path",
  ENOTEMPTY: "a directory of that name is in the way. Choose another place",
  ENAMETOOLONG: "the name is too long. Choose a shorter one",
  EMFILE: "too many files are open. Raise the limit (ulimit -n)",
  EIO: "the device reports an error. Check the disk",
};

/** Turns an error of the file system into an AttuneError; any other error is handed back as it is. */
export function diskError(error: unknown, doing: "read" | "write", path: string): unknown {
  const code = errorCode(error);
  if (error instanceof AttuneError || code === undefined) return error;
  const reason = REASONS[code] ?? (error as Error).message;
  const kept = doing === "write" ? " What was there before is unchanged." : "";
  return new AttuneError(`Cannot ${doing} ${path}: ${reason} (${code}).${kept}`, { cause: error });
}

/** "ENOSPC" and the like; undefined for errors that do not come from the operating system. */
export function errorCode(error: unknown): string | undefined {
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  return syscall === undefined ? undefined : code;
}
